// A scope owns coroutines and joins them: no coroutine outlives what it uses.
//
//   Scope scope(executor, "session 4f2a");
//   scope.spawn(pump(...));
//   co_await scope.close();   // cancels what still runs and waits for it
//
// Threads: the loop's. Failure: a scope destroyed with coroutines still in it aborts, as does an exception
// other than cancellation that leaves a spawned coroutine: both are broken invariants.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <list>
#include <string>

#include "net/event.hpp"
#include "net/task.hpp"

namespace brig::net {

class Scope {
 public:
  Scope(asio::any_io_executor executor, std::string name);
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  ~Scope();

  // Starts at the next turn of the loop. After close() began, the task is dropped unstarted.
  void spawn(Task<void> task);
  // Asks every coroutine to unwind; does not wait.
  void cancel();
  // cancel(), then waits until all are gone. Safe to call again, and from a coroutine being cancelled.
  Task<void> close();
  // Waits until all are gone, without cancelling.
  Task<void> join();

  std::size_t size() const;
  const asio::any_io_executor& executor() const { return executor_; }

 private:
  struct Child;
  struct State;
  asio::any_io_executor executor_;
  std::string name_;
  std::shared_ptr<State> state_;
};

}  // namespace brig::net
