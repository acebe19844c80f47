// The calling half: what is sent, and who waits for it.
#include "mcp/client.hpp"

#include <algorithm>

#include "mcp/client_impl.hpp"
#include "mcp/json.hpp"

namespace brig::mcp {
namespace {

// A server that does not read holds back this much of ours, beside the one message that may be longer.
constexpr std::size_t kMaxQueued = 4 << 20;
// What of it only answers and cancellations may use.
constexpr std::size_t kReserve = 1 << 20;
// Small messages that wait go together up to this, for one costs as much to send as many.
constexpr std::size_t kTogether = 64 << 10;
// How long the pipe's end may take to tell why, when writing has failed already.
constexpr Millis kReasonWait{1'000};

}  // namespace

Client::Impl::Impl(net::asio::any_io_executor executor, Pipe& pipe, ClientObserver& observer, Options options)
    : executor_(executor),
      pipe_(pipe),
      observer_(observer),
      options_(std::move(options)),
      scope_(executor, "mcp client " + options_.name),
      next_id_(options_.first_id),
      queue_changed_(executor),
      ended_changed_(executor) {}

void Client::Impl::start() {
  scope_.spawn(read_all());
  scope_.spawn(write_all());
}

net::Task<void> Client::Impl::close() {
  if (!ended_) end(Error{Code::cancelled, options_.name + " is being closed", "mcp", true});
  co_await scope_.close();
}

void Client::Impl::end(Error why) {
  ended_ = std::move(why);
  for (auto& [id, waiting] : calls_) settle(*waiting, *ended_);
  for (auto& [id, inbound] : inbound_) inbound->take_back();
  queue_.clear();
  queued_ = 0;
  queue_changed_.notify_all();
  ended_changed_.notify_all();
}

Client::Impl::Waiting::Waiting(Impl& owner, std::uint64_t number, bool may_be_cancelled)
    : impl(owner), id(number), cancellable(may_be_cancelled), changed(owner.executor_) {
  impl.calls_.emplace(id, this);
}

Client::Impl::Waiting::~Waiting() {
  impl.calls_.erase(id);
  if (!outcome) impl.take_back(id, cancellable);
}

void Client::Impl::settle(Waiting& waiting, Result<Answer> outcome) {
  if (waiting.outcome) return;
  waiting.outcome = std::move(outcome);
  waiting.changed.notify_all();
}

Result<std::string> Client::Impl::prepare(Call& call, Waiting& waiting) {
  auto params = json::one_line(std::move(call.params));
  auto own = std::to_string(waiting.id);
  waiting.token = own;
  if (params.empty() && !call.on_progress) return params;
  if (params.empty()) params = "{}";
  BRIG_CHECK(json::check(params));
  BRIG_CHECK(json::members(params));
  std::string meta(json::find(params, "_meta").value_or("{}"));
  BRIG_CHECK(json::members(meta));
  auto token = json::find(meta, "progressToken");
  if (token) waiting.token = *token;
  // Two callers may have chosen the same token; so it is never the caller's that goes to the server.
  if (token || call.on_progress) {
    params = json::with_member(params, "_meta", json::with_member(meta, "progressToken", own));
  }
  waiting.on_progress = std::move(call.on_progress);
  return params;
}

net::Task<Result<Answer>> Client::Impl::request(std::shared_ptr<Impl> self, Call call) {
  if (self->ended_) co_return *self->ended_;
  if (self->calls_.size() >= self->options_.max_calls) {
    co_return Error{Code::exhausted,
                    self->options_.name + " has " + std::to_string(self->calls_.size()) +
                        " calls in flight, which is the limit; try again when one has ended",
                    "mcp", true};
  }
  Waiting waiting(*self, self->next_id_++, call.method != "initialize");
  auto params = self->prepare(call, waiting);
  if (!params) {
    waiting.outcome = params.error();
    co_return Error{params.error().code, "'params' of " + call.method + ": " + params.error().message, "mcp",
                    false};
  }
  auto line = write_request(std::to_string(waiting.id), call.method, *params);
  auto room = co_await self->wait_for_room(line.size(), call.method, call.deadline);
  if (!room) {
    waiting.outcome = room.error();
    co_return room.error();
  }
  self->push(Outgoing{std::move(line), waiting.id});
  while (!waiting.outcome) {
    bool told = co_await waiting.changed.wait_until(call.deadline);
    // Not told before the deadline: cancelled, and the next wait unwinds.
    if (!told && !waiting.outcome && call.deadline.passed()) {
      co_return Error{Code::timeout, self->options_.name + " did not answer " + call.method + " in time",
                      "mcp", true};
    }
  }
  co_return std::move(*waiting.outcome);
}

net::Task<Result<void>> Client::Impl::notify(std::shared_ptr<Impl> self, std::string line,
                                             Deadline deadline) {
  BRIG_CO_CHECK(co_await self->wait_for_room(line.size(), "a notification", deadline));
  self->push(Outgoing{std::move(line), 0});
  co_return Result<void>();
}

bool Client::Impl::has_room(std::size_t bytes) const {
  return queue_.empty() || queued_ + bytes <= kMaxQueued - kReserve;
}

net::Task<Result<void>> Client::Impl::wait_for_room(std::size_t bytes, std::string what, Deadline deadline) {
  if (bytes > kMaxLine) {
    co_return Error{Code::too_large,
                    what + " has " + std::to_string(bytes) + " bytes; at most " + std::to_string(kMaxLine) +
                        " are passed on",
                    "mcp", false};
  }
  while (!ended_ && !has_room(bytes)) {
    bool told = co_await queue_changed_.wait_until(deadline);
    if (!told && deadline.passed()) {
      co_return Error{Code::timeout, options_.name + " does not read its input; " + what + " was not sent",
                      "mcp", true};
    }
  }
  if (ended_) co_return *ended_;
  co_return Result<void>();
}

void Client::Impl::push(Outgoing outgoing) {
  queued_ += outgoing.line.size();
  queue_.push_back(std::move(outgoing));
  queue_changed_.notify_all();
}

void Client::Impl::push_now(std::string line) {
  if (ended_) return;
  if (!queue_.empty() && queued_ + line.size() > kMaxQueued) {
    observer_.on_fault("it does not read its input; an answer to it was dropped");
    return;
  }
  push(Outgoing{std::move(line), 0});
}

void Client::Impl::take_back(std::uint64_t id, bool cancellable) {
  auto unsent = std::find_if(queue_.begin(), queue_.end(), [id](const auto& out) { return out.call == id; });
  if (unsent != queue_.end()) {
    queued_ -= unsent->line.size();
    queue_.erase(unsent);
    queue_changed_.notify_all();
  } else if (cancellable) {
    push_now(write_notification("notifications/cancelled", R"({"requestId":)" + std::to_string(id) +
                                                               R"(,"reason":"nobody waits any more"})"));
  }
}

std::string Client::Impl::take_lines() {
  std::string out;
  do {
    auto& line = queue_.front().line;
    queued_ -= line.size();
    if (out.empty()) {
      out = std::move(line);
    } else {
      out.append("\n").append(line);
    }
    queue_.pop_front();
  } while (!queue_.empty() && out.size() + queue_.front().line.size() < kTogether);
  return out;
}

net::Task<void> Client::Impl::write_all() {
  while (!ended_) {
    if (queue_.empty()) {
      co_await queue_changed_.wait();
      continue;
    }
    auto ready = co_await pipe_.ready();
    if (ready && (!*ready || queue_.empty())) continue;  // whoever had it sent may have given up
    Result<void> sent;
    if (ready) {
      auto lines = take_lines();
      queue_changed_.notify_all();
      sent = co_await pipe_.send(std::move(lines));
    } else {
      sent = ready.error();
    }
    if (sent || ended_) continue;
    auto limit = Deadline::in(kReasonWait);
    bool told = co_await ended_changed_.wait_until(limit);
    if (told || ended_) co_return;
    end(sent.error());
    observer_.on_ended(*ended_);
  }
}

Client::Client(net::asio::any_io_executor executor, Pipe& pipe, ClientObserver& observer, Options options)
    : impl_(std::make_shared<Impl>(executor, pipe, observer, std::move(options))) {}
Client::~Client() = default;

void Client::start() {
  impl_->start();
}

net::Task<void> Client::close() {
  return impl_->close();
}

net::Task<Result<Answer>> Client::request(Call call) {
  return Impl::request(impl_, std::move(call));
}

net::Task<Result<void>> Client::notify(std::string method, std::string params, Deadline deadline) {
  return Impl::notify(impl_, write_notification(method, json::one_line(std::move(params))), deadline);
}

std::size_t Client::calls_in_flight() const {
  return impl_->calls();
}

const Error* Client::ended() const {
  return impl_->ended() ? &*impl_->ended() : nullptr;
}

std::uint64_t Client::next_id() const {
  return impl_->next_id();
}

}  // namespace brig::mcp
