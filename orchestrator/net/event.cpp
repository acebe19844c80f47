#include "net/event.hpp"

#include <memory>

namespace brig::net {

Event::Event(asio::any_io_executor executor) : timer_(std::move(executor), SteadyTime::max()) {}

void Event::notify_all() {
  ++generation_;
  timer_.cancel();
}

Task<void> Event::wait() {
  auto seen = generation_;
  while (seen == generation_) co_await timer_.async_wait(use_result);
}

namespace {

// A timer that wakes whoever waits for `event` when it is too late. One timer beside another, and no
// coroutine for each of them: this is in the path of every call.
struct Limit {
  Limit(asio::steady_timer& event, Deadline deadline) : timer(event.get_executor(), deadline.at()) {
    timer.async_wait([state = state, &event](const boost::system::error_code& ec) {
      if (ec || state->given_up) return;
      state->passed = true;
      event.cancel();  // the others who wait look, and wait on
    });
  }
  ~Limit() { state->given_up = true; }
  bool passed() const { return state->passed; }

  struct State {
    bool passed = false;
    bool given_up = false;
  };
  std::shared_ptr<State> state = std::make_shared<State>();
  asio::steady_timer timer;
};

}  // namespace

Task<bool> Event::wait_until(Deadline deadline) {
  if (deadline.is_never()) {
    co_await wait();
    co_return true;
  }
  auto seen = generation_;
  Limit limit(timer_, deadline);
  while (seen == generation_ && !limit.passed()) co_await timer_.async_wait(use_result);
  co_return seen != generation_;
}

}  // namespace brig::net
