#include "cli/client/websocket.hpp"

#include <algorithm>

#include "cli/client/sha1.hpp"
#include "core/base64.hpp"
#include "core/random.hpp"
#include "core/text.hpp"

namespace brig::cli {
namespace {

Error nonsense(const char* what) {
  return Error{Code::protocol, std::string("brigd's WebSocket stream is not as it should be: ") + what,
               "client", false};
}

bool names_upgrade(std::string_view connection) {
  for (auto word : split(connection, ',')) {
    std::string lower;
    for (char c : word) {
      if (c != ' ' && c != '\t') lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    if (lower == "upgrade") return true;
  }
  return false;
}

}  // namespace

Result<void> FrameReader::take_header() {
  if ((header_[0] & 0x70) != 0) return nonsense("reserved bits are set");
  if ((header_[1] & 0x80) != 0) return nonsense("a masked frame from the server");
  final_ = (header_[0] & 0x80) != 0;
  auto opcode = static_cast<Opcode>(header_[0] & 15);
  left_ = header_[1] & 0x7F;
  if (left_ >= 126) {
    std::size_t bytes = left_ == 126 ? 2 : 8;
    left_ = 0;
    for (std::size_t i = 0; i < bytes; ++i) left_ = left_ << 8 | header_[2 + i];
  }
  frame_opcode_ = opcode;
  frame_is_control_ = (static_cast<unsigned>(opcode) & 8u) != 0;
  if (frame_is_control_) {
    if (opcode != Opcode::close && opcode != Opcode::ping && opcode != Opcode::pong)
      return nonsense("an unknown opcode");
    if (!final_ || left_ > 125) return nonsense("a control frame that is too large");
    control_.clear();
  } else if (opcode == Opcode::continuation) {
    if (!message_open_) return nonsense("a continuation of nothing");
  } else if (opcode == Opcode::text || opcode == Opcode::binary) {
    if (message_open_) return nonsense("a message within a message");
    message_open_ = true;
    message_opcode_ = opcode;
    message_size_ = 0;
  } else {
    return nonsense("an unknown opcode");
  }
  if (!frame_is_control_) {
    if (left_ > kMaxMessage || message_size_ + left_ > kMaxMessage) return nonsense("a message over 64 MiB");
    message_size_ += left_;
  }
  in_payload_ = true;
  header_size_ = 0;
  header_wanted_ = 2;
  return {};
}

Result<FrameReader::Event> FrameReader::next(std::string_view& input) {
  while (true) {
    if (!in_payload_) {
      std::size_t n = std::min(input.size(), header_wanted_ - header_size_);
      std::copy_n(input.data(), n, header_ + header_size_);
      header_size_ += n;
      input.remove_prefix(n);
      if (header_size_ < header_wanted_) return Event{};
      if (header_wanted_ == 2) {
        unsigned length = header_[1] & 0x7F;
        header_wanted_ = length == 126 ? 4 : length == 127 ? 10 : 2;
        if (header_wanted_ > 2) continue;
      }
      BRIG_CHECK(take_header());
    }
    auto n = static_cast<std::size_t>(std::min<std::uint64_t>(input.size(), left_));
    std::string_view part = input.substr(0, n);
    input.remove_prefix(n);
    left_ -= n;
    if (frame_is_control_) {
      control_ += part;
      if (left_ > 0) return Event{};
      in_payload_ = false;
      return Event{Event::Kind::control, frame_opcode_, control_};
    }
    if (n > 0) return Event{Event::Kind::payload, message_opcode_, part};
    if (left_ > 0) return Event{};
    in_payload_ = false;
    if (final_) {
      message_open_ = false;
      return Event{Event::Kind::end, message_opcode_, {}};
    }
  }
}

void append_frame(std::string& out, Opcode opcode, std::string_view prefix, std::string_view bytes) {
  std::uint64_t size = prefix.size() + bytes.size();
  out += static_cast<char>(0x80 | static_cast<unsigned>(opcode));
  if (size < 126) {
    out += static_cast<char>(0x80 | size);
  } else {
    std::size_t width = size <= 0xFFFF ? 2 : 8;
    out += static_cast<char>(0x80 | (width == 2 ? 126 : 127));
    for (std::size_t i = width; i-- > 0;) out += static_cast<char>(size >> (8 * i) & 0xFF);
  }
  unsigned char mask[4];
  fill_random(mask);
  out.append(reinterpret_cast<const char*>(mask), 4);
  std::size_t start = out.size();
  out.append(prefix).append(bytes);
  for (std::size_t i = start; i < out.size(); ++i) {
    out[i] = static_cast<char>(static_cast<unsigned char>(out[i]) ^ mask[(i - start) & 3]);
  }
}

std::string websocket_accept(std::string_view key) {
  return base64(sha1(std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
}

Result<Upgraded> open_websocket(Client& client, std::string_view target, std::string_view subprotocol,
                                Deadline deadline) {
  unsigned char random[16];
  fill_random(random);
  std::string key = base64({reinterpret_cast<const char*>(random), sizeof random});
  std::string headers =
      "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key +
      "\r\nSec-WebSocket-Protocol: " + std::string(subprotocol) + "\r\n";
  BRIG_TRY(auto opened, client.upgrade(target, headers, deadline));
  const auto& head = opened.first;
  std::string upgrade;
  for (char c : head.get("upgrade"))
    upgrade += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (upgrade != "websocket" || !names_upgrade(head.get("connection"))) return nonsense("it is no WebSocket");
  if (head.get("sec-websocket-accept") != websocket_accept(key)) return nonsense("a wrong proof of the key");
  if (head.get("sec-websocket-protocol") != subprotocol)
    return nonsense("another subprotocol than asked for");
  if (!head.get("sec-websocket-extensions").empty()) return nonsense("an extension that was not asked for");
  return std::move(opened.second);
}

}  // namespace brig::cli
