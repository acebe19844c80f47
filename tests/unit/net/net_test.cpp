#include <gtest/gtest.h>

#include "net/event.hpp"
#include "net/loop.hpp"
#include "net/scope.hpp"
#include "net/worker.hpp"

namespace brig::net {
namespace {

Task<void> wait_then_count(Event& event, int& woken) {
  co_await event.wait();
  ++woken;
}

Task<bool> notify_wakes_all() {
  auto ex = co_await asio::this_coro::executor;
  Event event(ex);
  Scope scope(ex, "test");
  int woken = 0;
  scope.spawn(wait_then_count(event, woken));
  scope.spawn(wait_then_count(event, woken));
  co_await asio::post(ex, asio::use_awaitable);
  co_await asio::post(ex, asio::use_awaitable);
  event.notify_all();
  co_await scope.join();
  co_return woken == 2;
}

TEST(Event, WakesAllWhoWait) {
  EXPECT_TRUE(run_task(notify_wakes_all()));
}

Task<void> wait_with_limit(Event& event, Deadline deadline, int& told, int& late) {
  bool in_time = co_await event.wait_until(deadline);
  ++(in_time ? told : late);
}

// Whose limit has passed goes; the others wait on.
Task<bool> limits_are_each_ones_own() {
  auto ex = co_await asio::this_coro::executor;
  Event event(ex);
  Scope scope(ex, "test");
  int told = 0;
  int late = 0;
  scope.spawn(wait_with_limit(event, Deadline::in(Millis(600'000)), told, late));
  scope.spawn(wait_with_limit(event, Deadline::never(), told, late));
  co_await wait_with_limit(event, Deadline::in(Millis(5)), told, late);
  bool alone = told == 0 && late == 1;
  event.notify_all();
  co_await scope.join();
  co_return alone&& told == 2 && late == 1;
}

TEST(Event, LimitsAreEachOnesOwn) {
  EXPECT_TRUE(run_task(limits_are_each_ones_own()));
}

struct Flag {
  bool& gone;
  ~Flag() { gone = true; }
};

Task<void> wait_for_ever(Event& event, bool& unwound) {
  Flag flag{unwound};
  while (true) co_await event.wait();
}

Task<bool> close_unwinds() {
  auto ex = co_await asio::this_coro::executor;
  Event event(ex);
  bool unwound = false;
  Scope scope(ex, "test");
  scope.spawn(wait_for_ever(event, unwound));
  co_await asio::post(ex, asio::use_awaitable);
  co_await scope.close();
  co_return unwound&& scope.size() == 0;
}

TEST(Scope, CloseUnwindsWhatWaits) {
  EXPECT_TRUE(run_task(close_unwinds()));
}

Task<void> wait_long(Event& event, bool& unwound) {
  Flag flag{unwound};
  (void)co_await event.wait_until(Deadline::in(Millis(600'000)));
}

Task<bool> close_unwinds_what_has_a_limit() {
  auto ex = co_await asio::this_coro::executor;
  Event event(ex);
  bool unwound = false;
  Scope scope(ex, "test");
  scope.spawn(wait_long(event, unwound));
  co_await asio::post(ex, asio::use_awaitable);
  co_await scope.close();
  co_return unwound&& scope.size() == 0;
}

TEST(Scope, CloseUnwindsWhatWaitsWithALimit) {
  EXPECT_TRUE(run_task(close_unwinds_what_has_a_limit()));
}

Task<Result<int>> never() {
  Event event(co_await asio::this_coro::executor);
  co_await event.wait();
  co_return 1;
}

Task<Result<int>> at_once() {
  co_return 7;
}

TEST(Deadline, TurnsIntoAnError) {
  auto r = run_task(with_deadline(never(), Deadline::in(Millis(5)), "waiting"));
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, Code::timeout);
  auto v = run_task(with_deadline(at_once(), Deadline::in(Millis(60'000)), "not waiting"));
  ASSERT_TRUE(v);
  EXPECT_EQ(*v, 7);
}

int forty_two() {
  return 42;
}

Task<void> slow_work(Worker& worker, std::atomic<bool>& release, int& got) {
  auto wait = [&release] {
    while (!release) std::this_thread::yield();
    return forty_two();
  };
  got = co_await worker.run(wait);
  Event event(co_await asio::this_coro::executor);
  co_await event.wait();  // a cancellation that came during the work takes effect here
  got = -1;
}

Task<int> cancel_during_work() {
  auto ex = co_await asio::this_coro::executor;
  Worker worker(1);
  std::atomic<bool> release = false;
  int got = 0;
  Scope scope(ex, "test");
  scope.spawn(slow_work(worker, release, got));
  co_await asio::post(ex, asio::use_awaitable);
  scope.cancel();
  co_await asio::post(ex, asio::use_awaitable);
  release = true;
  co_await scope.join();
  co_return got;
}

TEST(Worker, FinishesItsWorkThenHonoursCancellation) {
  EXPECT_EQ(run_task(cancel_during_work()), 42);
}

}  // namespace
}  // namespace brig::net
