// The last lines that a server wrote beside its answers.
//
// Whatever a server writes, memory stays within kLogLines lines of kMaxText bytes. Threads: one. Failure:
// none.
#pragma once

#include <deque>
#include <vector>

#include "core/clock.hpp"
#include "core/text.hpp"
#include "service/services.hpp"

namespace brig::service {

class LogRing {
 public:
  static constexpr std::size_t kMaxText = 4096;

  void add(WallTime at, std::string_view text) {
    if (lines_.size() == kLogLines) lines_.pop_front();
    lines_.push_back({at, printable(text, kMaxText)});
  }
  std::vector<LogLine> last(std::size_t count) const {
    auto from = lines_.size() - std::min(count, lines_.size());
    return {lines_.begin() + static_cast<std::ptrdiff_t>(from), lines_.end()};
  }

 private:
  std::deque<LogLine> lines_;
};

}  // namespace brig::service
