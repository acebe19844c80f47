// The event loop: one thread, all I/O.
//
// Threads: run() on one thread; stop() from any. Failure: an exception that reaches run() is a broken
// invariant and leaves it by terminating the process.
#pragma once

#include <boost/asio/io_context.hpp>

#include "net/task.hpp"

namespace brig::net {

class Loop {
 public:
  Loop() : context_(1) {}

  asio::io_context& context() { return context_; }
  asio::io_context::executor_type executor() { return context_.get_executor(); }

  // Runs `main` to its end, and everything it started with it.
  void run(Task<void> main);
  void stop() { context_.stop(); }

 private:
  asio::io_context context_;
};

// For tests and small programs: runs one task on a loop of its own and gives its result.
template <class T>
T run_task(Task<T> task);

}  // namespace brig::net

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

namespace brig::net {

template <class T>
T run_task(Task<T> task) {
  asio::io_context context(1);
  std::optional<T> out;
  std::exception_ptr failure;
  asio::co_spawn(context, std::move(task), [&](std::exception_ptr e, T value) {
    failure = e;
    out.emplace(std::move(value));
    context.stop();
  });
  context.run();
  if (failure) std::rethrow_exception(failure);
  return std::move(*out);
}

}  // namespace brig::net
