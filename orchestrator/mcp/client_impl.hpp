// What is behind a Client: the queue to the server, the calls that wait for it, the requests it has made.
//
// Ownership: shared by the Client and by the coroutines of its callers, which may unwind after it. Threads:
// the loop's. Failure: as Client.
#pragma once

#include <deque>
#include <map>
#include <optional>

#include "mcp/client.hpp"
#include "net/event.hpp"
#include "net/scope.hpp"

namespace brig::mcp {

class Client::Impl : public std::enable_shared_from_this<Client::Impl> {
 public:
  Impl(net::asio::any_io_executor executor, Pipe& pipe, ClientObserver& observer, Options options);

  void start();
  net::Task<void> close();
  static net::Task<Result<Answer>> request(std::shared_ptr<Impl> self, Call call);
  static net::Task<Result<void>> notify(std::shared_ptr<Impl> self, std::string line, Deadline deadline);

  const Options& options() const { return options_; }
  ClientObserver& observer() { return observer_; }
  const std::optional<Error>& ended() const { return ended_; }
  std::size_t calls() const { return calls_.size(); }
  std::uint64_t next_id() const { return next_id_; }

 private:
  // A call that waits; lives in its caller's coroutine, and takes itself back when that unwinds.
  struct Waiting {
    Waiting(Impl& owner, std::uint64_t number, bool may_be_cancelled);
    Waiting(const Waiting&) = delete;
    ~Waiting();

    Impl& impl;
    std::uint64_t id;
    bool cancellable;
    std::string token;  // the caller's own, as written
    std::function<void(std::string)> on_progress;
    std::optional<Result<Answer>> outcome;
    net::Event changed;
  };
  // A request of the server's that is being answered.
  struct Inbound {
    explicit Inbound(const net::asio::any_io_executor& executor) : changed(executor) {}
    bool taken_back = false;
    net::Event changed;

    void take_back() {
      taken_back = true;
      changed.notify_all();
    }
    net::Task<void> wait_taken_back() {
      while (!taken_back) co_await changed.wait();
    }
  };
  struct Outgoing {
    std::string line;
    std::uint64_t call = 0;  // or 0
  };

  // The call's params, under our token instead of the caller's.
  Result<std::string> prepare(Call& call, Waiting& waiting);
  net::Task<Result<void>> wait_for_room(std::size_t bytes, std::string what, Deadline deadline);
  bool has_room(std::size_t bytes) const;
  void push(Outgoing outgoing);
  // What must not wait: answers and cancellations. Dropped when the server does not read for long.
  void push_now(std::string line);
  void take_back(std::uint64_t id, bool cancellable);
  // From the front of the queue, as many as go together.
  std::string take_lines();
  net::Task<void> write_all();

  net::Task<void> read_all();
  void take(Message message);
  void take(Malformed malformed);
  void take_answer(const Message& message);
  void take_notification(const Message& message);
  void take_request(Message message);
  void take_progress(const std::string& params);
  net::Task<void> serve(Message request, std::shared_ptr<Inbound> inbound);
  void settle(Waiting& waiting, Result<Answer> outcome);
  // Gives every call this outcome; nothing goes from now on.
  void end(Error why);

  net::asio::any_io_executor executor_;
  Pipe& pipe_;
  ClientObserver& observer_;
  Options options_;
  net::Scope scope_;
  std::uint64_t next_id_;
  std::map<std::uint64_t, Waiting*> calls_;
  std::map<std::string, std::shared_ptr<Inbound>> inbound_;
  std::deque<Outgoing> queue_;
  std::size_t queued_ = 0;  // bytes
  net::Event queue_changed_;
  std::optional<Error> ended_;
  net::Event ended_changed_;
};

}  // namespace brig::mcp
