// How often each member of a mesh may deploy and call: token buckets, by mesh and member.
//
// A minute's worth may come at once. Whoever runs this host is not held to it.
//
// Ownership: owns the buckets; their number is bounded (core/rate.hpp). Threads: the loop's. Failure:
// Error{rate_limited} that says when to come again.
#pragma once

#include "core/rate.hpp"
#include "service/access.hpp"
#include "service/meshes.hpp"

namespace brig::service {

class Rates {
 public:
  explicit Rates(const Meshes& meshes) : meshes_(meshes) {}

  // `operation`: deploy or call. Of a mesh that is the caller's.
  Result<void> take(Operation operation, const session::Caller& caller, const std::string& mesh,
                    SteadyTime now);
  // How long until take() would; zero if it would now.
  Millis wait(Operation operation, const session::Caller& caller, const std::string& mesh,
              SteadyTime now) const;

 private:
  using Key = std::pair<std::uint64_t, Operation>;  // so many a minute
  std::uint64_t bound(Operation operation, const session::Caller& caller, const std::string& mesh) const;

  const Meshes& meshes_;
  std::map<Key, RateLimiter> limiters_;
};

}  // namespace brig::service
