// Ceilings, profiles, requests and facts as nobody would write them by hand.
//
// Paths and names are drawn from a pool of traps and near misses, mixed with noise, so that both what must be
// refused and what must be allowed come up often.
#pragma once

#include <rapidcheck.h>

#include "policy/compile.hpp"
#include "policy/profile.hpp"

namespace brig::policy::testing {

rc::Gen<std::string> nasty_path();
rc::Gen<std::string> nasty_text();
rc::Gen<Ceiling> any_ceiling();
rc::Gen<Profile> any_profile();
rc::Gen<Request> any_request();
rc::Gen<Facts> any_facts();  // most of them fit; some do not

}  // namespace brig::policy::testing

namespace rc {
template <>
struct Arbitrary<brig::policy::Ceiling> {
  static Gen<brig::policy::Ceiling> arbitrary() { return brig::policy::testing::any_ceiling(); }
};
}  // namespace rc
namespace brig::policy {
void showValue(const Ceiling& ceiling, std::ostream& out);
}
