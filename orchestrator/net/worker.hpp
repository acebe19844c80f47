// Threads for what blocks: hashing, tar, mounts, argon2, SQLite.
//
//   Result<Hash> h = co_await worker.run([path] { return hash_file(path); });
//
// Threads: run() from the loop; the function on one of the worker's. With one thread, functions run in the
// order given. Failure: an exception from the function is a broken invariant and terminates. A cancelled
// run() still waits for its function: what it borrowed stays valid.
#pragma once

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <memory>
#include <optional>
#include <type_traits>

#include "net/event.hpp"
#include "net/task.hpp"

namespace brig::net {

class Worker {
 public:
  explicit Worker(std::size_t threads) : pool_(threads) {}
  ~Worker() { pool_.join(); }

  template <class F>
  Task<std::invoke_result_t<F>> run(F function);
  // For what nobody waits for; what it captures must be its own.
  template <class F>
  void post(F function) {
    asio::post(pool_, std::move(function));
  }

 private:
  asio::thread_pool pool_;
};

template <class F>
Task<std::invoke_result_t<F>> Worker::run(F function) {
  using R = std::invoke_result_t<F>;
  using Stored = std::conditional_t<std::is_void_v<R>, std::monostate, R>;
  struct Job {
    explicit Job(const asio::any_io_executor& loop) : finished(loop) {}
    std::optional<Stored> result;
    Event finished;
    bool is_finished = false;
  };
  auto loop = co_await asio::this_coro::executor;
  auto job = std::make_shared<Job>(loop);
  asio::post(pool_, [job, loop, function = std::move(function)]() mutable {
    if constexpr (std::is_void_v<R>) {
      function();
      job->result.emplace();
    } else {
      job->result.emplace(function());
    }
    asio::post(loop, [job = std::move(job)] {
      job->is_finished = true;
      job->finished.notify_all();
    });
  });
  bool interruptible = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  while (!job->is_finished) co_await job->finished.wait();
  co_await asio::this_coro::throw_if_cancelled(interruptible);
  if constexpr (!std::is_void_v<R>) co_return std::move(*job->result);
}

}  // namespace brig::net
