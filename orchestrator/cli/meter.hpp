// How much has passed, of what comes and goes as a stream.
//
// Threads: one. Failure: none.
#pragma once

#include <unistd.h>

#include <optional>
#include <string>

#include "cli/progress.hpp"
#include "core/clock.hpp"
#include "core/units.hpp"

namespace brig::cli {

// On terminals, once it is worth saying.
class Meter {
 public:
  Meter(const Style& style, std::string what)
      : what_(std::move(what)), begun_(std::chrono::steady_clock::now()), told_(begun_) {
    if (::isatty(STDERR_FILENO)) line_.emplace(style);
  }

  void expect(std::uint64_t total) { total_ = total; }
  void add(std::size_t bytes) {
    bytes_ += bytes;
    if (!line_) return;
    auto now = std::chrono::steady_clock::now();
    if (now - told_ < Millis{150}) return;
    told_ = now;
    double seconds = std::chrono::duration<double>(now - begun_).count();
    auto rate = static_cast<std::uint64_t>(static_cast<double>(bytes_) / seconds);
    std::optional<double> fraction;
    if (total_ > 0) fraction = static_cast<double>(bytes_) / static_cast<double>(total_);
    line_->update(what_ + "  " + format_size(bytes_) + "  " + format_size(rate) + "/s", fraction);
  }
  void finish() {
    if (line_) line_->finish();
  }

 private:
  std::string what_;
  std::optional<ProgressLine> line_;
  SteadyTime begun_;
  SteadyTime told_;
  std::uint64_t bytes_ = 0;
  std::uint64_t total_ = 0;
};

}  // namespace brig::cli
