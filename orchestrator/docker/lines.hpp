// Newline-delimited JSON, split into its lines: bounded, wherever the pieces were cut.
//
// Threads: one owner. Failure: Error{too_large} for a line over the bound; the splitter is dead then.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.hpp"

namespace brig::docker {

inline constexpr std::size_t kMaxLine = 1 << 20;

class LineSplitter {
 public:
  explicit LineSplitter(std::size_t max_line = kMaxLine) : max_(max_line) {}

  void feed(std::string_view bytes);
  // The next line that is not blank, without its end; valid until the next call of anything.
  Result<std::optional<std::string_view>> next();
  // What stands after the last line end, once there is no more.
  std::string_view rest() const;

 private:
  std::size_t max_;
  std::string buffer_;
  std::size_t begin_ = 0;    // of what was not given yet
  std::size_t scanned_ = 0;  // no line end before
};

}  // namespace brig::docker
