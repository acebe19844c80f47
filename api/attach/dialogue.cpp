#include "api/attach/dialogue.hpp"

#include "api/attach/messages.hpp"
#include "core/log.hpp"

namespace brig::api::attach {

Dialogue::Dialogue(boost::asio::any_io_executor executor, WebSocket& socket, const Limits& limits,
                   std::string what, std::string request_id)
    : socket_(socket),
      limits_(limits),
      what_(std::move(what)),
      request_id_(std::move(request_id)),
      work_(executor, what_),
      reading_(executor, what_ + " reader"),
      changed_(executor) {}

net::Task<void> Dialogue::run(Conversation* conversation) {
  conversation->when_told_to_end([this](EndReason reason) {
    if (reason == EndReason::restart) {
      end(kCloseRestart, "the service restarts");
    } else {
      end(kClosePolicy, "the credentials hold no longer");
    }
  });
  work_.spawn(keepalive());
  bool clean = false;
  bool cancelled = false;
  try {
    clean = co_await until_nothing_is_sent();
  } catch (const boost::system::system_error&) {
    cancelled = true;  // by the server, at the end of its patience
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

// Waits for a reason to end; true if a farewell can be said then.
net::Task<bool> Dialogue::until_nothing_is_sent() {
  while (!ending_) co_await changed_.wait();
  auto deadline = Deadline::in(limits_.close_time);
  bool in_time = true;
  while ((sending_ || pinging_) && in_time && !ending_->vanished)
    in_time = co_await changed_.wait_until(deadline);
  co_return !sending_ && !pinging_ && !ending_->vanished;
}

void Dialogue::end(Ending ending) {
  if (!ending_) ending_ = std::move(ending);
  changed_.notify_all();
}

void Dialogue::end(std::uint16_t code, std::string reason, std::string last_words) {
  end(Ending{false, code, std::move(reason), std::move(last_words)});
}

void Dialogue::vanished() {
  Ending cut;
  cut.vanished = true;
  end(std::move(cut));
}

void Dialogue::fail(const Error& error) {
  bool theirs = error.code == Code::invalid || error.code == Code::denied || error.code == Code::protocol;
  end(theirs ? kClosePolicy : kCloseInternal, std::string(to_string(error.code)),
      attach::error(error, request_id_));
}

net::Task<void> Dialogue::say_goodbye() {
  if (!ending_->last_words.empty()) {
    auto deadline = Deadline::in(limits_.close_time);
    auto sent =
        co_await net::with_deadline(socket_.send_text(ending_->last_words), deadline, "the last message");
    if (!sent) {
      socket_.abort();
      co_return;
    }
  }
  co_await socket_.close(ending_->code, ending_->reason, limits_.close_time);
}

bool Dialogue::sent(bool well) {
  sending_ = false;
  if (!well) vanished();
  if (ending_) changed_.notify_all();
  return !ending_;
}

net::Task<bool> Dialogue::send(std::span<const std::byte> head, std::span<const std::byte> bytes) {
  sending_ = true;
  auto done = co_await socket_.send(head, bytes);
  co_return sent(done.ok());
}

net::Task<bool> Dialogue::send_text(std::string text) {
  sending_ = true;
  auto done = co_await socket_.send_text(std::move(text));
  co_return sent(done.ok());
}

net::Task<void> Dialogue::keepalive() {
  auto signs = socket_.signs_of_life();
  for (int silent = 0;;) {
    co_await net::sleep_for(limits_.ping_interval);
    auto now = socket_.signs_of_life();
    silent = now != signs || deaf_ ? 0 : silent + 1;
    signs = now;
    if (silent >= 2) {
      log::info("who was attached gave no sign of life and is dropped",
                {{"what", what_}, {"request", request_id_}});
      vanished();
      co_return;
    }
    // Not waited for: to who takes nothing more, it is not sent either.
    if (!std::exchange(pinging_, true)) work_.spawn(ping());
  }
}

net::Task<void> Dialogue::ping() {
  auto done = co_await socket_.ping();
  pinging_ = false;
  if (!done) vanished();
  if (ending_) changed_.notify_all();
}

}  // namespace brig::api::attach
