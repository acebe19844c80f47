// What verify() is to expect of a sandbox, from the policy and the facts; no code of the compiler's.
//
// Threads: any. Failure: none.
#pragma once

#include "policy/compile.hpp"
#include "policy/verify.hpp"

namespace brig::policy::testing {

Expectations expect(const Effective& effective, const Facts& facts);

}  // namespace brig::policy::testing
