#include "cli/forward/relay.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <nlohmann/json.hpp>

#include "cli/client/websocket.hpp"
#include "core/text.hpp"

namespace brig::cli {
namespace {

constexpr Millis kOpenWithin{30'000};
constexpr std::size_t kPiece = 64 * 1024;  // brigd takes messages of up to 128 KiB
constexpr std::size_t kMaxText = 64 * 1024;
constexpr std::string_view kEnd = "{\"end\":true}";

class Relay {
 public:
  Relay(Upgraded tunnel, UniqueFd local, int stop)
      : tunnel_(std::move(tunnel.stream)),
        early_(std::move(tunnel.early)),
        local_(std::move(local)),
        stop_(stop) {}

  Result<void> run() {
    BRIG_CHECK(take(early_));
    std::vector<char> buffer(kPiece);
    // What came before the farewell still goes to whoever connected.
    while (!closed_ || !to_local_.empty()) {
      bool want_local = !closed_ && !local_ended_ && to_tunnel_.empty();
      bool want_tunnel = !closed_ && to_local_.empty();
      short local_events = static_cast<short>((want_local ? POLLIN : 0) | (to_local_.empty() ? 0 : POLLOUT));
      short tunnel_events =
          static_cast<short>((want_tunnel ? POLLIN : 0) | (to_tunnel_.empty() ? 0 : POLLOUT));
      pollfd polls[3] = {{local_events ? local_.get() : -1, local_events, 0},
                         {closed_ ? -1 : tunnel_->fd(), tunnel_events, 0},
                         {stop_, POLLIN, 0}};
      bool ready = want_tunnel && tunnel_->pending();
      if (::poll(polls, 3, ready ? 0 : -1) < 0) continue;
      if (polls[2].revents != 0) return {};
      if (want_local && polls[0].revents != 0) read_local(buffer);
      if (!to_local_.empty() && polls[0].revents != 0) BRIG_CHECK(write_local());
      if (!closed_ && !to_tunnel_.empty()) BRIG_CHECK(write_tunnel());
      if (want_tunnel && (ready || polls[1].revents != 0)) BRIG_CHECK(read_tunnel(buffer));
    }
    return {};
  }

 private:
  void read_local(std::vector<char>& buffer) {
    ssize_t n = ::recv(local_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n > 0) {
      append_frame(to_tunnel_, Opcode::binary, "", {buffer.data(), static_cast<std::size_t>(n)});
      return;
    }
    local_ended_ = true;
    append_frame(to_tunnel_, Opcode::text, "", kEnd);
  }

  Result<void> write_local() {
    ssize_t n = ::send(local_.get(), to_local_.data(), to_local_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return {};
    if (n < 0) {
      closed_ = true;  // whoever connected has gone: nobody is there to be told
      to_local_.clear();
      return {};
    }
    to_local_.erase(0, static_cast<std::size_t>(n));
    if (to_local_.empty() && tunnel_ended_) ::shutdown(local_.get(), SHUT_WR);
    return {};
  }

  Result<void> write_tunnel() {
    Io io = tunnel_->write({to_tunnel_.data(), to_tunnel_.size()});
    if (io.state == Io::State::failed || io.state == Io::State::closed) return broken();
    to_tunnel_.erase(0, io.count);
    return {};
  }

  Result<void> read_tunnel(std::vector<char>& buffer) {
    Io io = tunnel_->read(buffer);
    if (io.state == Io::State::closed || io.state == Io::State::failed) return broken();
    if (io.state != Io::State::done) return {};
    return take({buffer.data(), io.count});
  }

  Result<void> take(std::string_view bytes) {
    while (!closed_) {
      BRIG_TRY(auto event, reader_.next(bytes));
      if (event.kind == FrameReader::Event::Kind::need_more) return {};
      if (event.kind == FrameReader::Event::Kind::control) {
        if (event.opcode == Opcode::ping) append_frame(to_tunnel_, Opcode::pong, "", event.bytes);
        if (event.opcode == Opcode::close) {
          append_frame(to_tunnel_, Opcode::close, "", event.bytes.substr(0, 2));
          closed_ = true;
          (void)write_tunnel();
          return {};
        }
      } else if (event.opcode == Opcode::binary) {
        to_local_ += event.bytes;
      } else if (event.kind == FrameReader::Event::Kind::payload) {
        text_ += event.bytes;
        if (text_.size() > kMaxText)
          return Error{Code::protocol, "brigd sends an endless message", "client", false};
      } else {
        BRIG_CHECK(take_text());
        text_.clear();
      }
    }
    return {};
  }

  Result<void> take_text() {
    auto json = nlohmann::json::parse(text_, nullptr, false);
    if (json.is_object() && json.contains("error"))
      return problem_to_error(500,
                              json["error"].dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    if (text_ != kEnd) return {};  // what a newer brigd may say
    tunnel_ended_ = true;
    if (to_local_.empty()) ::shutdown(local_.get(), SHUT_WR);
    return {};
  }

  Error broken() const { return {Code::unavailable, "the connection to brigd broke", "client", true}; }

  std::unique_ptr<Stream> tunnel_;
  std::string early_;
  UniqueFd local_;
  int stop_;
  FrameReader reader_;
  std::string text_;
  std::string to_local_;
  std::string to_tunnel_;
  bool local_ended_ = false;
  bool tunnel_ended_ = false;
  bool closed_ = false;
};

}  // namespace

Result<void> relay(Endpoint endpoint, std::string session, std::uint16_t port, UniqueFd local, int stop) {
  Client client(std::move(endpoint));
  client.interrupt_by(stop);
  auto opened =
      open_websocket(client, "/v1/sessions/" + percent_encode(session) + "/ports/" + std::to_string(port),
                     "brig.port.v1", Deadline::in(kOpenWithin));
  if (!opened && was_interrupted(opened.error())) return {};
  if (!opened) return std::move(opened).error();
  return Relay(std::move(*opened), std::move(local), stop).run();
}

}  // namespace brig::cli
