#include "attach_server.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "cli/client/websocket.hpp"

namespace brig::cli::test {
namespace {

constexpr std::size_t kMaxOutbox = 128 * 1024;

}  // namespace

void AttachServer::queue(unsigned opcode, std::string_view payload) {
  outbox_ += static_cast<char>(0x80 | opcode);
  if (payload.size() < 126) {
    outbox_ += static_cast<char>(payload.size());
  } else {
    outbox_ += '\x7f';
    for (int i = 7; i >= 0; --i)
      outbox_ += static_cast<char>(static_cast<std::uint64_t>(payload.size()) >> (8 * i) & 255);
  }
  outbox_ += payload;
}

// What the process has printed from `next_` on, in messages that begin and end anywhere.
void AttachServer::queue_output() {
  auto& process = brigd_.process_;
  std::lock_guard lock(process.mutex_);
  auto at = std::upper_bound(process.output_.begin(), process.output_.end(), next_,
                             [](std::uint64_t offset, const auto& piece) { return offset < piece.offset; });
  if (at != process.output_.begin()) --at;
  for (; at != process.output_.end() && outbox_.size() < kMaxOutbox; ++at) {
    if (next_ < at->offset || next_ >= at->offset + at->bytes.size()) continue;
    std::string_view rest = std::string_view(at->bytes).substr(next_ - at->offset);
    while (!rest.empty() && outbox_.size() < kMaxOutbox) {
      auto part = rest.substr(0, 100'000);
      std::string message(1, static_cast<char>(at->stream));
      for (int i = 0; i < 8; ++i) message += static_cast<char>(next_ >> (8 * i) & 255);
      message += part;
      queue(2, message);
      next_ += part.size();
      rest.remove_prefix(part.size());
    }
    if (!rest.empty()) return;
  }
  if (!process.hold_acks && acked_ < process.stdin_.size()) {
    acked_ = process.stdin_.size();
    queue(1, "{\"stdin_ack\":" + std::to_string(acked_) + "}");
  }
  if (process.outcome_ && next_ == process.output_end_ && !ended_) {
    queue(1, nlohmann::json{{"end", {{"outcome", *process.outcome_}}}}.dump());
    queue(8, "\x03\xe8");
    ended_ = true;
  }
}

bool AttachServer::flush() {
  while (!outbox_.empty()) {
    std::size_t n = std::min(outbox_.size(), life_out_);
    ssize_t sent = ::send(fd_, outbox_.data(), n, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN;
    outbox_.erase(0, static_cast<std::size_t>(sent));
    brigd_.sent_ += static_cast<std::uint64_t>(sent);
    if (life_out_ != SIZE_MAX) life_out_ -= static_cast<std::size_t>(sent);
    if (life_out_ == 0) {
      ++brigd_.deaths_;
      return false;
    }
  }
  return true;
}

bool AttachServer::take_message(unsigned opcode, std::string_view payload) {
  auto& process = brigd_.process_;
  std::lock_guard lock(process.mutex_);
  if (opcode == 8) return false;
  if (opcode == 2) {
    std::uint64_t offset = 0;
    for (std::size_t i = 8; i >= 1; --i) offset = offset << 8 | static_cast<unsigned char>(payload[i]);
    payload.remove_prefix(9);
    if (offset > process.stdin_.size()) std::abort();  // a hole
    auto known = std::min<std::uint64_t>(process.stdin_.size() - offset, payload.size());
    process.stdin_ += payload.substr(known);
  } else if (opcode == 1) {
    auto json = nlohmann::json::parse(payload);
    if (json.contains("eof")) process.eof_ = json["eof"].get<std::uint64_t>();
    if (json.contains("signal")) process.signals_.push_back(json["signal"]);
    if (json.contains("resize")) process.sizes_.push_back(json["resize"]);
  }
  process.changed_.notify_all();
  return true;
}

bool AttachServer::take_frames() {
  while (received_.size() >= 2) {
    auto at = [&](std::size_t i) { return static_cast<unsigned char>(received_[i]); };
    std::uint64_t size = at(1) & 127;
    std::size_t head = 2;
    if (size >= 126) {
      std::size_t width = size == 126 ? 2 : 8;
      head += width;
      if (received_.size() < head) return true;
      size = 0;
      for (std::size_t i = 0; i < width; ++i) size = size << 8 | at(2 + i);
    }
    if (received_.size() < head + 4 + size) return true;
    std::string payload = received_.substr(head + 4, size);
    for (std::size_t i = 0; i < payload.size(); ++i)
      payload[i] = static_cast<char>(payload[i] ^ received_[head + (i & 3)]);
    unsigned opcode = at(0) & 15;
    received_.erase(0, head + 4 + size);
    if (!take_message(opcode, payload)) return false;
  }
  return true;
}

bool AttachServer::receive() {
  char buffer[65536];
  std::size_t want = std::min(sizeof buffer, life_in_);
  ssize_t n = ::recv(fd_, buffer, want, MSG_DONTWAIT);
  if (n == 0) return false;
  if (n < 0) return errno == EAGAIN;
  received_.append(buffer, static_cast<std::size_t>(n));
  if (life_in_ != SIZE_MAX) life_in_ -= static_cast<std::size_t>(n);
  bool lives = take_frames();
  if (life_in_ == 0) {
    ++brigd_.deaths_;
    return false;
  }
  return lives;
}

void AttachServer::run(const std::string& query, const std::string& key) {
  auto& process = brigd_.process_;
  life_out_ = brigd_.next_life();
  life_in_ = brigd_.next_life();
  outbox_ =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Protocol: brig.attach.v1\r\nSec-WebSocket-Accept: " +
      websocket_accept(key) + "\r\n\r\n";
  std::string from = query.substr(query.find("from=") + 5);
  from = from.substr(0, from.find('&'));
  {
    std::lock_guard lock(process.mutex_);
    next_ = from == "start" ? 0 : from == "end" ? process.output_end_ : std::stoull(from);
    auto known = process.stdin_.size();
    queue(1,
          nlohmann::json{{"hello", {{"offset", next_}, {"stdin_offset", known}, {"tty", process.terminal}}}}
              .dump());
  }
  while (flush() && !brigd_.stopping_) {
    if (ended_ && outbox_.empty()) return;
    pollfd p{fd_, static_cast<short>(POLLIN | (outbox_.empty() ? 0 : POLLOUT)), 0};
    ::poll(&p, 1, 2);
    if ((p.revents & ~POLLOUT) && !receive()) return;
    queue_output();
  }
}

}  // namespace brig::cli::test
