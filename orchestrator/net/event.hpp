// Waiting for a condition on the loop: a condition variable without a mutex, because there is one thread.
//
//   while (!ready) co_await event.wait();
//
// Threads: the loop's. Failure: none; a cancelled wait unwinds.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "net/task.hpp"

namespace brig::net {

class Event {
 public:
  explicit Event(asio::any_io_executor executor);

  void notify_all();
  // Returns at the next notify_all(); never before.
  Task<void> wait();
  // True if notified, false if the deadline came first.
  Task<bool> wait_until(Deadline deadline);

 private:
  asio::steady_timer timer_;
  std::uint64_t generation_ = 0;
};

}  // namespace brig::net
