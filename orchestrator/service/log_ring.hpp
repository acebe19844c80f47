// The last lines that a server wrote beside its answers, without the values that it was given to keep.
//
// Whatever a server writes, memory stays within kLogLines lines of kMaxText bytes. Threads: one. Failure:
// none.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <vector>

#include "core/clock.hpp"
#include "core/secret.hpp"
#include "core/text.hpp"
#include "service/services.hpp"

namespace brig::service {

class LogRing {
 public:
  static constexpr std::size_t kMaxText = 4096;
  // What is shorter stands in any text: to take it out would tell more than it hides.
  static constexpr std::size_t kLeastHidden = 6;

  // `told` of each line.
  explicit LogRing(std::function<void()> told = {}) : told_(std::move(told)) {}

  // From now on "[NAME]" stands for these values, too, and for each line of those that have several.
  void hide(const std::map<std::string, Secret>& values);
  void show_all() { hidden_.clear(); }
  std::string cleaned(std::string_view text) const;

  void add(WallTime at, std::string_view text) {
    if (lines_.size() == kLogLines) lines_.pop_front();
    lines_.push_back({at, printable(cleaned(text), kMaxText)});
    ++count_;
    if (told_) told_();
  }
  // How many there have been.
  std::uint64_t count() const { return count_; }
  std::vector<LogLine> last(std::size_t count) const {
    auto from = lines_.size() - std::min(count, lines_.size());
    return {lines_.begin() + static_cast<std::ptrdiff_t>(from), lines_.end()};
  }

 private:
  std::function<void()> told_;
  std::deque<LogLine> lines_;
  std::uint64_t count_ = 0;
  std::vector<std::pair<std::string, Secret>> hidden_;  // "[NAME]" and what it stands for, the longest first
};

}  // namespace brig::service
