// When a server that ended by itself is started again: after a growing time that no two services share, at
// most kMost times in a row. One that ran for a while is forgiven what was before.
//
// Threads: one. Failure: none.
#pragma once

#include <array>
#include <optional>

#include "core/clock.hpp"
#include "core/random.hpp"

namespace brig::service {

class Backoff {
 public:
  static constexpr int kMost = 5;
  static constexpr Millis kFirst{250};
  static constexpr Millis kQuiet{60'000};

  int restarts() const { return restarts_; }
  void forgive() { restarts_ = 0; }
  // It ended after having run for so long: how long to wait, or none if it has been started often enough.
  std::optional<Millis> next(Millis ran) {
    if (ran >= kQuiet) forgive();
    if (restarts_ >= kMost) return {};
    return jittered(kFirst * (1 << restarts_++));
  }
  // Between three quarters and five quarters of it.
  static Millis jittered(Millis delay) {
    std::array<unsigned char, 2> bytes{};
    fill_random(bytes);
    auto part = (bytes[0] << 8 | bytes[1]) % 1000;
    return delay * 3 / 4 + delay * part / 2000;
  }

 private:
  int restarts_ = 0;
};

}  // namespace brig::service
