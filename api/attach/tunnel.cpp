#include "api/attach/tunnel.hpp"

namespace brig::api::attach {
namespace {

constexpr std::size_t kPiece = 64 * 1024;
constexpr std::string_view kEnd = "{\"end\":true}";

}  // namespace

Tunnel::Tunnel(boost::asio::any_io_executor executor, WebSocket& socket,
               std::unique_ptr<supervisor::Channel> channel, const Limits& limits, std::string request_id)
    : socket_(socket),
      channel_(std::move(channel)),
      dialogue_(executor, socket, limits, "port", std::move(request_id)) {}

net::Task<void> Tunnel::run(Conversation* conversation) {
  dialogue_.read(inward());
  dialogue_.work(outward());
  co_await dialogue_.run(conversation);
}

// From the port.
net::Task<void> Tunnel::outward() {
  for (bool more = true; more;) {
    auto bytes = co_await channel_->read(kPiece);
    if (!bytes) {
      dialogue_.fail(bytes.error());
      co_return;
    }
    if (!bytes->empty()) {
      more = co_await dialogue_.send(*bytes, {});
      continue;
    }
    more = co_await dialogue_.send_text(std::string(kEnd));
    out_ended_ = true;
    if (in_ended_) dialogue_.end();
    co_return;
  }
}

// To the port.
net::Task<void> Tunnel::inward() {
  while (true) {
    auto message = co_await socket_.receive();
    if (!message) {
      dialogue_.vanished();
      co_return;
    }
    if (dialogue_.ended()) continue;  // what is still under way until their farewell
    std::string_view text(reinterpret_cast<const char*>(message->bytes.data()), message->bytes.size());
    Result<void> done;
    if (!message->text && !in_ended_) {
      dialogue_.set_deaf(true);
      done = co_await channel_->write(message->bytes);
      dialogue_.set_deaf(false);
    } else if (message->text && text == kEnd && !in_ended_) {
      in_ended_ = true;
      done = channel_->finish_writing();
    } else {
      done = Error{Code::invalid,
                   "after {\"end\":true} nothing may come, and before it only that and binary messages",
                   "api: port", false};
    }
    if (!done) dialogue_.fail(done.error());
    if (done && in_ended_ && out_ended_) dialogue_.end();
  }
}

}  // namespace brig::api::attach
