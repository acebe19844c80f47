// Token buckets, one for each caller: so many requests a second, in bursts up to a bound.
//
// Memory is bounded: beyond kMaxCallers, full buckets are forgotten first (forgetting those changes nothing),
// then whichever was used longest ago.
//
// Threads: the loop's. Failure: none.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>

#include "core/clock.hpp"

namespace brig {

class RateLimiter {
 public:
  static constexpr std::size_t kMaxCallers = 4096;

  RateLimiter(double per_second, double burst) : per_second_(per_second), burst_(burst) {}

  // Takes one; how long to wait before the next try if there is none.
  std::optional<Millis> take(const std::string& caller, SteadyTime now);
  // Whether there is one, without taking it.
  std::optional<Millis> peek(const std::string& caller, SteadyTime now) const;

  std::size_t size() const { return buckets_.size(); }

 private:
  struct Bucket {
    double tokens = 0;
    SteadyTime at{};
  };
  double filled(const Bucket& bucket, SteadyTime now) const;
  Millis wait_for(double tokens) const;
  void forget(SteadyTime now);

  double per_second_;
  double burst_;
  std::unordered_map<std::string, Bucket> buckets_;
};

}  // namespace brig
