#include "core/rate.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace brig {

double RateLimiter::filled(const Bucket& bucket, SteadyTime now) const {
  auto seconds = std::chrono::duration<double>(now - bucket.at).count();
  return std::min(burst_, bucket.tokens + std::max(seconds, 0.0) * per_second_);
}

Millis RateLimiter::wait_for(double tokens) const {
  return Millis{static_cast<Millis::rep>(std::ceil((1 - tokens) / per_second_ * 1000))};
}

std::optional<Millis> RateLimiter::take(const std::string& caller, SteadyTime now) {
  auto it = buckets_.find(caller);
  if (it == buckets_.end()) {
    if (buckets_.size() >= kMaxCallers) forget(now);
    it = buckets_.emplace(caller, Bucket{burst_, now}).first;
  }
  auto& bucket = it->second;
  bucket.tokens = filled(bucket, now);
  bucket.at = now;
  if (bucket.tokens < 1) return wait_for(bucket.tokens);
  bucket.tokens -= 1;
  return std::nullopt;
}

std::optional<Millis> RateLimiter::peek(const std::string& caller, SteadyTime now) const {
  auto it = buckets_.find(caller);
  if (it == buckets_.end()) return std::nullopt;
  auto tokens = filled(it->second, now);
  if (tokens < 1) return wait_for(tokens);
  return std::nullopt;
}

void RateLimiter::forget(SteadyTime now) {
  std::erase_if(buckets_, [&](const auto& entry) { return filled(entry.second, now) >= burst_; });
  if (buckets_.size() < kMaxCallers) return;
  // A quarter at once: a flood of new callers must not pay for a search each.
  std::vector<SteadyTime> times;
  for (const auto& [caller, bucket] : buckets_) times.push_back(bucket.at);
  auto quarter = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 4);
  std::nth_element(times.begin(), quarter, times.end());
  auto left = times.size() / 4 + 1;
  std::erase_if(buckets_,
                [&](const auto& entry) { return left > 0 && entry.second.at <= *quarter && left-- > 0; });
}

}  // namespace brig
