#include "mcp/lines.hpp"

#include <algorithm>
#include <utility>

namespace brig::mcp {

void LineSplitter::feed(std::string_view bytes, const std::function<void(Line)>& take_line) {
  while (!bytes.empty()) {
    auto end = bytes.find('\n');
    add(bytes.substr(0, end));
    if (end == std::string_view::npos) return;
    bytes.remove_prefix(end + 1);
    if (auto line = take()) take_line(std::move(*line));
  }
}

std::optional<Line> LineSplitter::finish() {
  return take();
}

void LineSplitter::add(std::string_view bytes) {
  line_.size += bytes.size();
  if (line_.size <= max_) {
    line_.text.append(bytes);
    return;
  }
  if (line_.text.size() > kKeptOfLongLine) {
    // It has just become too long; what is beyond its head was the tail so far.
    line_.tail = line_.text.substr(std::max(kKeptOfLongLine, line_.text.size() - kKeptOfLongLine));
    line_.text.resize(kKeptOfLongLine);
    line_.text.shrink_to_fit();
  }
  if (line_.text.size() < kKeptOfLongLine) {
    auto head = bytes.substr(0, kKeptOfLongLine - line_.text.size());
    line_.text.append(head);
    bytes.remove_prefix(head.size());
  }
  if (bytes.size() >= kKeptOfLongLine) {
    line_.tail = bytes.substr(bytes.size() - kKeptOfLongLine);
    return;
  }
  line_.tail.append(bytes);
  if (line_.tail.size() > kKeptOfLongLine) line_.tail.erase(0, line_.tail.size() - kKeptOfLongLine);
}

std::optional<Line> LineSplitter::take() {
  auto line = std::exchange(line_, Line{});
  if (line.too_long()) {
    if (line.tail.ends_with('\r')) line.tail.pop_back();
    return line;
  }
  if (line.text.ends_with('\r')) line.text.pop_back();
  line.size = line.text.size();
  if (line.text.empty()) return std::nullopt;
  return line;
}

}  // namespace brig::mcp
