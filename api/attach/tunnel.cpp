#include "api/attach/tunnel.hpp"

#include "api/attach/messages.hpp"
#include "core/log.hpp"

namespace brig::api::attach {
namespace {

constexpr std::size_t kPiece = 64 * 1024;
constexpr std::string_view kEnd = "{\"end\":true}";

}  // namespace

Tunnel::Tunnel(boost::asio::any_io_executor executor, WebSocket& socket,
               std::unique_ptr<supervisor::Channel> channel, const Limits& limits, std::string request_id)
    : socket_(socket),
      channel_(std::move(channel)),
      limits_(limits),
      request_id_(std::move(request_id)),
      work_(executor, "tunnel"),
      reading_(executor, "tunnel reader"),
      changed_(executor) {}

net::Task<void> Tunnel::run(Conversation* conversation) {
  conversation->when_told_to_end([this](EndReason reason) {
    if (reason == EndReason::restart) {
      finish({false, {}, kCloseRestart, "the service restarts"});
    } else {
      finish({false, {}, kClosePolicy, "the credentials hold no longer"});
    }
  });
  reading_.spawn(inward());
  work_.spawn(outward());
  work_.spawn(keepalive());
  bool cancelled = false;
  bool clean = false;
  try {
    while (!finish_) co_await changed_.wait();
    auto deadline = Deadline::in(limits_.close_time);
    bool in_time = true;
    while ((sending_ || pinging_) && in_time && !finish_->vanished)
      in_time = co_await changed_.wait_until(deadline);
    clean = !sending_ && !pinging_ && !finish_->vanished;
  } catch (const boost::system::system_error&) {
    cancelled = true;
  }
  // Whatever happened, nobody may be left using what goes away with us.
  co_await boost::asio::this_coro::throw_if_cancelled(false);
  if (!clean) socket_.abort();
  co_await work_.close();
  if (clean && !cancelled) co_await say_goodbye();
  co_await reading_.close();
  conversation->when_told_to_end(nullptr);
  co_await boost::asio::this_coro::throw_if_cancelled(true);
}

void Tunnel::finish(Finish how) {
  if (!finish_) finish_ = std::move(how);
  changed_.notify_all();
}

void Tunnel::fail(const Error& error) {
  finish({false, attach::error(error, request_id_), kCloseInternal, std::string(to_string(error.code))});
}

net::Task<void> Tunnel::say_goodbye() {
  if (!finish_->last_words.empty()) {
    auto deadline = Deadline::in(limits_.close_time);
    auto sent =
        co_await net::with_deadline(socket_.send_text(finish_->last_words), deadline, "the last message");
    if (!sent) {
      socket_.abort();
      co_return;
    }
  }
  co_await socket_.close(finish_->code, finish_->reason, limits_.close_time);
}

// From the port.
net::Task<void> Tunnel::outward() {
  while (!finish_) {
    auto bytes = co_await channel_->read(kPiece);
    if (!bytes) {
      fail(bytes.error());
      co_return;
    }
    sending_ = true;
    Result<void> sent;
    if (bytes->empty()) {
      sent = co_await socket_.send_text(std::string(kEnd));
    } else {
      sent = co_await socket_.send(*bytes, {});
    }
    sending_ = false;
    changed_.notify_all();
    if (!sent) {
      finish({true, {}, 0, {}});
      co_return;
    }
    if (!bytes->empty()) continue;
    out_ended_ = true;
    if (in_ended_) finish({});
    co_return;
  }
}

// To the port.
net::Task<void> Tunnel::inward() {
  while (true) {
    auto message = co_await socket_.receive();
    if (!message) {
      finish({true, {}, 0, {}});
      co_return;
    }
    if (finish_) continue;  // what is still under way until their farewell
    std::string_view text(reinterpret_cast<const char*>(message->bytes.data()), message->bytes.size());
    Result<void> done;
    if (!message->text && !in_ended_) {
      blocked_ = true;
      done = co_await channel_->write(message->bytes);
      blocked_ = false;
    } else if (message->text && text == kEnd && !in_ended_) {
      in_ended_ = true;
      done = channel_->finish_writing();
    } else {
      done = Error{Code::invalid,
                   "after {\"end\":true} nothing may come, and before it only that and binary messages",
                   "api: port", false};
    }
    if (!done) fail(done.error());
    if (done && in_ended_ && out_ended_) finish({});
  }
}

net::Task<void> Tunnel::keepalive() {
  auto signs = socket_.signs_of_life();
  for (int silent = 0;;) {
    co_await net::sleep_for(limits_.ping_interval);
    auto now = socket_.signs_of_life();
    silent = now != signs || blocked_ ? 0 : silent + 1;
    signs = now;
    if (silent >= 2) {
      log::info("a tunnel gave no sign of life and is dropped", {{"request", request_id_}});
      finish({true, {}, 0, {}});
      co_return;
    }
    pinging_ = true;
    auto sent = co_await socket_.ping();
    pinging_ = false;
    changed_.notify_all();
    if (!sent) {
      finish({true, {}, 0, {}});
      co_return;
    }
  }
}

}  // namespace brig::api::attach
