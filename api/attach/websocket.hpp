// A WebSocket at the service's end: Beast, kept out of sight. No compression, no fragments of our making.
//
// Ownership: borrows the Stream. Threads: the loop's; one receiver, one sender and one pinger at a time.
// Failure: as Result: `unavailable` when the other end has gone, `protocol` when it broke the rules,
// `too_large` when a message was; who did either has been told, with 1002, 1007 or 1009, before receive()
// returns.
#pragma once

#include <boost/asio/buffer.hpp>
#include <memory>
#include <span>
#include <string>

#include "api/http/message.hpp"
#include "api/http/stream.hpp"

namespace brig::api {

inline constexpr std::uint16_t kCloseNormal = 1000;
inline constexpr std::uint16_t kClosePolicy = 1008;
inline constexpr std::uint16_t kCloseInternal = 1011;
inline constexpr std::uint16_t kCloseRestart = 1012;

// What a request must have to become a WebSocket of `protocol`: 426 or 400 if it has not.
std::optional<Failure> check_upgrade(const Head& head, std::string_view protocol);

class WebSocket {
 public:
  static constexpr std::size_t kMaxMessage = 128 * 1024 + 9;

  struct Message {
    bool text = false;
    std::span<const std::byte> bytes;  // valid until the next receive()
  };

  explicit WebSocket(Stream& stream);
  ~WebSocket();

  net::Task<Result<void>> accept(const Head* head, std::string protocol, std::string request_id);

  net::Task<Result<Message>> receive();
  // One binary message of both parts, neither of them copied.
  net::Task<Result<void>> send(std::span<const std::byte> head, std::span<const std::byte> bytes);
  net::Task<Result<void>> send_text(std::string text);
  net::Task<Result<void>> ping();
  // Sends the farewell and waits for theirs, for at most `limit`; nothing else may be going on.
  net::Task<void> close(std::uint16_t code, std::string reason, Millis limit);
  // They closed in good order, so they do not come back.
  bool said_goodbye() const;
  // Drops the connection; whoever waits on it gets an error.
  void abort();

  // Grows with every message, pong and byte that the other end takes: no change is no sign of life.
  std::uint64_t signs_of_life();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace brig::api
