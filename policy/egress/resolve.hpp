// Inside the library: egress of ceiling ∧ profile ∧ request, with its reasons.
//
// What profile and request allow adds up, as grants do, and every rule of it must be within the ceiling's
// bound; what any of the three denies is denied.
//
// Threads: any. Failure: Error{denied} naming the rule, the bound and the remedy.
#pragma once

#include "policy/explain.hpp"

namespace brig::policy {

Result<void> resolve_egress(const Ceiling& ceiling, const Profile& profile, const Request& request,
                            Explanation& out);

}  // namespace brig::policy
