// Bytes to lines, within a bound.
//
// A line over the bound is not kept, but neither is it lost without a trace: its head and its tail are, since
// they usually tell which request it answers.
//
// Threads: one. Failure: none; whatever the bytes, memory stays below kMaxLine and a little.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace brig::mcp {

// The longest message. Pictures and files travel in results as base64, a few megabytes of it in practice; and
// as much as this may be held once per service by brigd, and once more per call.
inline constexpr std::size_t kMaxLine = 10 << 20;
inline constexpr std::size_t kKeptOfLongLine = 1024;  // at its head and at its tail, each

struct Line {
  std::string text;        // without its end; of a line that was too long, its head
  std::string tail;        // of a line that was too long: its last bytes
  std::uint64_t size = 0;  // of all of it
  bool too_long() const { return size > text.size(); }

  static Line of(std::string text) {
    auto size = text.size();
    return Line{std::move(text), {}, size};
  }
};

class LineSplitter {
 public:
  // `max`: at least what is kept of a long line.
  explicit LineSplitter(std::size_t max = kMaxLine) : max_(std::max(max, 2 * kKeptOfLongLine)) {}

  // Gives every line that ends in these bytes. Empty lines are left out; "\r\n" ends a line, too.
  void feed(std::string_view bytes, const std::function<void(Line)>& take);
  // What stands after the last line end, once nothing more will come.
  std::optional<Line> finish();
  // Bytes held of a line that has not ended.
  std::size_t held() const { return line_.text.size() + line_.tail.size(); }

 private:
  void add(std::string_view bytes);
  std::optional<Line> take();

  std::size_t max_;
  Line line_;
};

}  // namespace brig::mcp
