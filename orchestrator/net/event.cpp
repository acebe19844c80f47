#include "net/event.hpp"

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

Task<bool> Event::wait_until(Deadline deadline) {
  using namespace asio::experimental::awaitable_operators;
  if (deadline.is_never()) {
    co_await wait();
    co_return true;
  }
  asio::steady_timer limit(timer_.get_executor());
  limit.expires_at(deadline.at());
  auto first = co_await (wait() || limit.async_wait(use_result));
  co_return first.index() == 0;
}

}  // namespace brig::net
