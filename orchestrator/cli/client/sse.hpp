// Server-sent events, out of the pieces of a body.
//
// Threads: one. Failure: a message that never ends is an Error.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "core/result.hpp"

namespace brig::cli {

class SseReader {
 public:
  static constexpr std::size_t kMaxMessage = 1024 * 1024;

  struct Message {
    std::string event;
    std::string data;
  };
  // False: enough.
  using Sink = std::function<bool(const Message&)>;

  explicit SseReader(Sink sink, std::size_t max = kMaxMessage) : sink_(std::move(sink)), max_(max) {}

  // False once the sink has had enough.
  Result<bool> feed(std::string_view part);
  // Where to go on after this connection: the last id that came with or without a message.
  const std::string& last_id() const { return last_id_; }

 private:
  bool take_line(std::string_view line);

  Sink sink_;
  std::size_t max_;
  std::string pending_;  // the beginning of a line
  Message message_;
  std::string id_;
  std::string last_id_;
};

}  // namespace brig::cli
