// Names to addresses, as this host resolves them.
//
// Ownership: the system's borrows its worker. Threads: the loop's. Failure: not_found where there is no such
// name, timeout, unavailable.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "net/worker.hpp"
#include "policy/egress/address.hpp"

namespace brig::egress {

class Resolver {
 public:
  virtual ~Resolver() = default;
  // In the order in which they should be tried; at least one.
  virtual net::Task<Result<std::vector<Address>>> resolve(std::string name) = 0;
};

// getaddrinfo: /etc/hosts, DNS and whatever else the host is set up for. Each name at most once at a time;
// answers are kept for two seconds, so that a burst of connections asks once.
std::unique_ptr<Resolver> system_resolver(net::asio::any_io_executor executor, net::Worker& worker);

// Which addresses are this host's own. A public one of them leads to the host's ports, past whatever guards
// them against the world, so no rule that is for public addresses means it.
//
// What the kernel said is kept for a moment: a host may have hundreds of interfaces, and is asked at every
// connection. Where it says nothing, what it said last holds.
class OwnAddresses {
 public:
  bool contains(const Address& address, SteadyTime now);

 private:
  void look();

  std::set<Address> known_;
  std::optional<SteadyTime> looked_;
};

}  // namespace brig::egress
