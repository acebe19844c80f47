#include "cli/client/upload.hpp"

#include <poll.h>

#include <cstdio>

namespace brig::cli {
namespace {

constexpr std::size_t kChunk = 256 * 1024;
constexpr Millis kBegin{30'000};
// To the answer once all is sent: what was sent is still being written.
constexpr Millis kAnswer{300'000};

}  // namespace

Result<void> Client::Upload::begin(std::string_view method, std::string_view target, std::string_view type) {
  std::string headers = "Transfer-Encoding: chunked\r\nContent-Type: " + std::string(type) + "\r\n";
  chunk_.reserve(kChunk + 4096);
  return client_.ask(exchange_, method, target, headers, "", Deadline::in(kBegin));
}

bool Client::Upload::send(std::string_view bytes) {
  Stream& stream = *exchange_.stream;
  while (!bytes.empty()) {
    pollfd polls[2] = {{stream.fd(), POLLIN | POLLOUT, 0}, {client_.interrupt_, POLLIN, 0}};
    int n = ::poll(polls, 2, -1);
    if (n < 0) continue;
    if (polls[1].revents != 0) {
      failure_ = Error{Code::cancelled, "interrupted", "interrupted", false};
      return false;
    }
    // An answer before the end: there is no use in sending more.
    if ((polls[0].revents & ~POLLOUT) != 0 || stream.pending()) return false;
    Io io = stream.write({bytes.data(), bytes.size()});
    if (io.state == Io::State::failed || io.state == Io::State::closed) return false;
    if (io.state == Io::State::done) bytes.remove_prefix(io.count);
  }
  return true;
}

bool Client::Upload::flush() {
  if (chunk_.empty()) return true;
  char size[24];
  int n = std::snprintf(size, sizeof size, "%zx\r\n", chunk_.size());
  chunk_ += "\r\n";
  stopped_ = !send({size, static_cast<std::size_t>(n)}) || !send(chunk_);
  chunk_.clear();
  return !stopped_;
}

bool Client::Upload::write(std::string_view bytes) {
  while (!bytes.empty() && !stopped_) {
    auto part = bytes.substr(0, kChunk - chunk_.size());
    chunk_ += part;
    bytes.remove_prefix(part.size());
    if (chunk_.size() == kChunk) flush();
  }
  return !stopped_;
}

Result<std::string> Client::Upload::finish() {
  if (!stopped_ && flush() && !send("0\r\n\r\n")) stopped_ = true;
  if (failure_) return *failure_;
  BRIG_TRY(ResponseHead head, client_.hear(exchange_, Deadline::in(kAnswer)));
  std::string body;
  auto collect = [&](std::string_view part) {
    body.append(part.substr(0, 65536 - std::min<std::size_t>(body.size(), 65536)));
    return true;
  };
  BRIG_CHECK(client_.read_body(exchange_, head, collect, Deadline::in(kAnswer)));
  if (head.status >= 400) return problem_to_error(head.status, body);
  if (stopped_) return Error{Code::protocol, "brigd was content before it had everything", "client", false};
  return body;
}

}  // namespace brig::cli
