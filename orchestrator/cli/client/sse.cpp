#include "cli/client/sse.hpp"

namespace brig::cli {

// False once the sink has had enough. An empty line ends a message.
bool SseReader::take_line(std::string_view line) {
  if (line.empty()) {
    last_id_ = id_;
    Message message = std::move(message_);
    message_ = {};
    return message.data.empty() || sink_(message);
  }
  auto colon = line.find(':');
  auto field = line.substr(0, colon);
  auto value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "id") id_ = value;
  if (field == "event") message_.event = value;
  if (field == "data") message_.data += (message_.data.empty() ? "" : "\n") + std::string(value);
  return true;
}

Result<bool> SseReader::feed(std::string_view part) {
  pending_ += part;
  std::size_t begin = 0;
  for (auto end = pending_.find('\n'); end != std::string::npos; end = pending_.find('\n', begin)) {
    auto line = std::string_view(pending_).substr(begin, end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    begin = end + 1;
    if (!take_line(line)) return false;
  }
  pending_.erase(0, begin);
  if (pending_.size() + message_.data.size() > max_)
    return Error{Code::protocol, "brigd sent an event that does not end", "client", false};
  return true;
}

}  // namespace brig::cli
