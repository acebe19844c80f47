// What all connections of a server share.
//
// Ownership: the Server's; connections borrow it and end before it. Threads: the loop's. Failure: none.
#pragma once

#include <list>
#include <map>
#include <set>
#include <string>

#include "api/auth/authenticator.hpp"
#include "api/auth/origin.hpp"
#include "api/http/router.hpp"
#include "core/rate.hpp"
#include "net/scope.hpp"

namespace brig::api {

class Connection;

struct Hub {
  Hub(boost::asio::any_io_executor executor, const Config& config, Services services);

  // Counted against the bounds; false: there are too many already.
  bool admit_connection(const Peer& peer);
  void forget_connection(const Peer& peer);

  Context context;
  Authenticator authenticator;
  RateLimiter rate;
  std::optional<HostRule> hosts;  // of the TCP listener
  bool draining = false;          // finish what was begun, begin nothing
  std::set<Connection*> connections;
  net::Scope scope;

  // Of requests answered so: looked up once, for they are counted in the path of every request.
  struct Answered {
    metrics::Counter& count;
    metrics::Histogram& seconds;
  };
  Answered& answered(const Route* route, int status);

  metrics::Gauge& open_connections;
  metrics::Counter& refused_connections;

 private:
  unsigned total_ = 0;
  unsigned agents_ = 0;
  std::map<std::string, unsigned> by_peer_;
  std::map<std::pair<const Route*, int>, Answered> answered_;
};

}  // namespace brig::api
