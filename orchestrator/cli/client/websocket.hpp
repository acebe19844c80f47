// A WebSocket client (RFC 6455) for streams larger than memory: a message's bytes are handed on where they
// lie in the receive buffer, as they come; nothing is gathered or copied.
//
// FrameReader is pure. Threads: one. Failure: Error{protocol}: bad opcodes, masked or compressed server
// frames, control frames over 125 bytes, messages over kMaxMessage.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cli/client/http.hpp"
#include "core/result.hpp"

namespace brig::cli {

inline constexpr std::uint64_t kMaxMessage = 64 * 1024 * 1024;

enum class Opcode : std::uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

class FrameReader {
 public:
  struct Event {
    enum class Kind {
      need_more,  // the input is used up
      payload,    // bytes of the present message, which is `opcode`'s
      end,        // that message is complete
      control,    // ping, pong or close, whole
    };
    Kind kind = Kind::need_more;
    Opcode opcode = Opcode::text;
    std::string_view bytes;  // lies in the input, or (control) in the reader
  };

  // Takes from the front of `input`.
  Result<Event> next(std::string_view& input);

 private:
  Result<void> take_header();

  unsigned char header_[10] = {};
  std::size_t header_size_ = 0;
  std::size_t header_wanted_ = 2;
  bool in_payload_ = false;
  bool frame_is_control_ = false;
  bool final_ = false;
  bool message_open_ = false;
  Opcode frame_opcode_ = Opcode::text;
  Opcode message_opcode_ = Opcode::text;
  std::uint64_t left_ = 0;
  std::uint64_t message_size_ = 0;
  std::string control_;
};

// Appends one whole masked frame whose payload is `prefix` and then `bytes`.
void append_frame(std::string& out, Opcode opcode, std::string_view prefix, std::string_view bytes);

// Opens `target` with the subprotocol, checking the server's proof.
Result<Upgraded> open_websocket(Client& client, std::string_view target, std::string_view subprotocol,
                                Deadline deadline);

// What Sec-WebSocket-Accept must be for a key.
std::string websocket_accept(std::string_view key);

}  // namespace brig::cli
