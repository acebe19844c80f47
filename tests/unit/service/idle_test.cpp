// Servers that stand still: not in the middle of anything, and not for longer than the engine is away.
#include <gmock/gmock.h>

#include "manager_house.hpp"

namespace brig::service::test {
namespace {

using testing::HasSubstr;

net::Task<void> not_while_it_is_written_to(House& house) {
  auto deployed = co_await house.deploy("mine", Millis(60'000));
  EXPECT_TRUE(deployed);
  auto box = house.box("mine");
  box->reads = false;
  auto behind = house.manager->backends(house.admin, "acme");
  auto said = co_await (*behind)->notify("mine", "notifications/roots/list_changed", "");
  EXPECT_TRUE(said);
  house.clock.advance(Millis(3'600'000));
  co_await net::sleep_for(Millis(200));  // ten looks at it
  EXPECT_EQ(house.hosting.sleeps, 0);
  EXPECT_EQ(house.view("mine").state, State::running);
  auto paused = co_await house.manager->pause(house.admin, "acme", "mine");
  EXPECT_THAT(paused.error().message, HasSubstr("waits for an answer"));
  box->reads = true;
  box->changed.notify_all();
  EXPECT_TRUE(co_await house.until_state("mine", State::paused));
  EXPECT_TRUE(box->paused);
  auto got = std::count(box->methods.begin(), box->methods.end(), "notifications/roots/list_changed");
  EXPECT_EQ(got, 1);
}

TEST(Idle, IsNotPutToSleepWhileItIsWrittenTo) {
  play(not_while_it_is_written_to);
}

net::Task<void> woken_until_the_deadline(House& house) {
  auto deployed = co_await house.deploy("mine");
  EXPECT_TRUE(deployed);
  auto paused = co_await house.manager->pause(house.admin, "acme", "mine");
  EXPECT_EQ(paused->state, State::paused);
  auto box = house.box("mine");
  house.hosting.away = true;
  auto late = co_await house.call("mine", Millis(700));
  EXPECT_EQ(late.error().code, Code::timeout) << late.error().message;
  EXPECT_GE(house.hosting.wakes, 1);
  EXPECT_EQ(house.view("mine").state, State::paused);
  EXPECT_TRUE(box->paused);
  // Back before the next caller's deadline, and after it was tried again.
  auto tried = house.hosting.wakes;
  net::Scope scope(co_await net::asio::this_coro::executor, "engine");
  auto return_later = [](House& at, int after) -> net::Task<void> {
    while (at.hosting.wakes < after + 2) co_await net::sleep_for(Millis(2));
    at.hosting.away = false;
  };
  scope.spawn(return_later(house, tried));
  auto answer = co_await house.call("mine");
  EXPECT_TRUE(answer) << answer.error().message;
  EXPECT_FALSE(box->paused);
  EXPECT_EQ(house.box("mine"), box) << "it is the same server";
  EXPECT_TRUE(co_await house.until_state("mine", State::running));
  auto times = [&](const char* method) {
    return std::count(box->methods.begin(), box->methods.end(), method);
  };
  EXPECT_EQ(times("tools/call"), 1) << "nobody waited for the first call any more";
  EXPECT_EQ(times("notifications/cancelled"), 0);
  co_await scope.close();
}

TEST(Idle, IsWokenUntilTheCallersDeadlineWhileTheEngineIsAway) {
  play(woken_until_the_deadline);
}

}  // namespace
}  // namespace brig::service::test
