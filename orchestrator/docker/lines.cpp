#include "docker/lines.hpp"

namespace brig::docker {
namespace {

bool is_blank(std::string_view s) {
  return s.find_first_not_of(" \t\r") == s.npos;
}

}  // namespace

void LineSplitter::feed(std::string_view bytes) {
  buffer_.erase(0, begin_);
  scanned_ -= begin_;
  begin_ = 0;
  buffer_ += bytes;
}

Result<std::optional<std::string_view>> LineSplitter::next() {
  while (true) {
    auto end = buffer_.find('\n', scanned_);
    std::size_t length = (end == buffer_.npos ? buffer_.size() : end) - begin_;
    if (length > max_) {
      return Error{Code::too_large, "a line of the Docker engine's progress is longer than allowed",
                   "docker: lines", false};
    }
    if (end == buffer_.npos) {
      scanned_ = buffer_.size();
      return std::optional<std::string_view>();
    }
    std::string_view line = std::string_view(buffer_).substr(begin_, length);
    begin_ = scanned_ = end + 1;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!is_blank(line)) return std::optional(line);
  }
}

std::string_view LineSplitter::rest() const {
  std::string_view left = std::string_view(buffer_).substr(begin_);
  return is_blank(left) ? std::string_view() : left;
}

}  // namespace brig::docker
