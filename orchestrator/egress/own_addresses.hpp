// Which addresses are this host's own. A public one of them leads to the host's ports, past whatever guards
// them against the world, so no rule that is for public addresses means it.
//
// What the kernel said is kept for a moment: a host may have hundreds of interfaces, and is asked at every
// connection.
//
// Ownership: none. Threads: the loop's. Failure: where the kernel says nothing, what it said last holds.
#pragma once

#include <set>

#include "core/clock.hpp"
#include "policy/egress/address.hpp"

namespace brig::egress {

class OwnAddresses {
 public:
  bool contains(const Address& address, SteadyTime now);

 private:
  void look();

  std::set<Address> known_;
  std::optional<SteadyTime> looked_;
};

}  // namespace brig::egress
