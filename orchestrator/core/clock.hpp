// Time as a dependency, and deadlines passed down as values.
//
// Clock is what decides (age, expiry, backoff) so that tests can set it; timers that merely wait use the
// loop. Threads: SystemClock from any; FakeClock from one. Failure: none.
#pragma once

#include <algorithm>
#include <chrono>

namespace brig {

using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;
using SteadyTime = std::chrono::steady_clock::time_point;
using Millis = std::chrono::milliseconds;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual WallTime wall() const = 0;
  virtual SteadyTime steady() const = 0;
};

class SystemClock final : public Clock {
 public:
  WallTime wall() const override {
    return std::chrono::time_point_cast<Millis>(std::chrono::system_clock::now());
  }
  SteadyTime steady() const override { return std::chrono::steady_clock::now(); }
};

class FakeClock final : public Clock {
 public:
  WallTime wall() const override { return wall_; }
  SteadyTime steady() const override { return steady_; }
  void advance(Millis by) {
    wall_ += by;
    steady_ += by;
  }

 private:
  WallTime wall_{Millis{1'700'000'000'000}};
  SteadyTime steady_{};
};

// A point in steady time by which something must be over.
class Deadline {
 public:
  static Deadline in(Millis from_now) { return Deadline(std::chrono::steady_clock::now() + from_now); }
  static Deadline never() { return Deadline(SteadyTime::max()); }

  SteadyTime at() const { return at_; }
  bool is_never() const { return at_ == SteadyTime::max(); }
  bool passed() const { return !is_never() && std::chrono::steady_clock::now() >= at_; }
  // Never negative; a day for never(), so that it can be handed to anything that takes a duration.
  Millis left() const {
    if (is_never()) return std::chrono::hours(24);
    auto d = std::chrono::duration_cast<Millis>(at_ - std::chrono::steady_clock::now());
    return std::max(d, Millis{0});
  }
  Deadline earlier(Deadline other) const { return at_ < other.at_ ? *this : other; }

 private:
  explicit Deadline(SteadyTime at) : at_(at) {}
  SteadyTime at_;
};

}  // namespace brig
