// What the engine is asked for: compiled from the policy, and read a second time by who did not compile it.
//
// Threads: any. Failure: as policy::compile(); `internal` if the second reading finds anything, and then
// nothing may be sent.
#pragma once

#include "policy/ceiling.hpp"
#include "policy/compile.hpp"

namespace brig::session {

Result<policy::CreateRequest> container_request(const policy::Effective& effective,
                                                const policy::Facts& facts, const policy::Ceiling& ceiling);

}  // namespace brig::session
