// Names to addresses, as this host resolves them.
//
// Ownership: the system's borrows its worker. Threads: the loop's. Failure: not_found where there is no such
// name, timeout, unavailable.
#pragma once

#include <memory>
#include <string>
#include <vector>

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

}  // namespace brig::egress
