#include <csignal>

#include "support.hpp"

namespace brig::docker {
namespace {

net::Task<Result<void>> whole_life(Engine& engine) {
  auto& containers = engine.containers();
  BRIG_CO_TRY(std::string name, co_await make(engine, "exit 7"));

  auto before = co_await containers.inspect(name);
  if (!before) co_return std::move(before).error();
  EXPECT_EQ(before->name, name);
  EXPECT_EQ(before->state.status, ContainerStatus::created);
  EXPECT_FALSE(before->state.started);
  EXPECT_EQ(before->labels["brig-test"], "docker");
  EXPECT_TRUE(before->image.str().starts_with("sha256:"));
  EXPECT_EQ(before->image_name, kImage);
  EXPECT_GT(before->created.time_since_epoch().count(), 0);

  auto wait = co_await containers.wait(name, WaitFor::next_exit);
  if (!wait) co_return std::move(wait).error();
  auto started = co_await containers.start(name);
  if (!started) co_return std::move(started).error();
  EXPECT_EQ(*started, Change::done);
  auto exit = co_await (*wait)->result(Deadline::in(std::chrono::seconds(60)));
  if (!exit) co_return std::move(exit).error();
  EXPECT_EQ(exit->code, 7);

  auto after = co_await containers.inspect(name);
  if (!after) co_return std::move(after).error();
  EXPECT_EQ(after->state.status, ContainerStatus::exited);
  EXPECT_EQ(after->state.exit_code, 7);
  EXPECT_FALSE(after->state.running);
  EXPECT_TRUE(after->state.started && after->state.finished);

  // A container that has ended before answers a wait for "not running" at once.
  auto again = co_await containers.wait(name, WaitFor::not_running);
  if (!again) co_return std::move(again).error();
  auto known = co_await (*again)->result(Deadline::in(std::chrono::seconds(60)));
  if (!known) co_return std::move(known).error();
  EXPECT_EQ(known->code, 7);

  BRIG_CO_CHECK(co_await drop(engine, name));
  auto gone = co_await containers.inspect(name);
  EXPECT_TRUE(!gone && gone.error().code == Code::not_found);
  co_return Result<void>{};
}
TEST(Containers, LiveAndEndWithTheirExitCode) {
  run(whole_life);
}

net::Task<Result<void>> change_running(Engine& engine) {
  auto& containers = engine.containers();
  BRIG_CO_TRY(std::string name, co_await make_started(engine, "while true; do sleep 1000; done"));
  auto twice = co_await containers.start(name);
  EXPECT_TRUE(twice && *twice == Change::already);

  BRIG_CO_CHECK(co_await containers.pause(name));
  auto paused = co_await containers.inspect(name);
  EXPECT_TRUE(paused && paused->state.paused && paused->state.status == ContainerStatus::paused);
  auto refused = co_await containers.pause(name);
  EXPECT_TRUE(!refused && refused.error().code == Code::conflict);
  BRIG_CO_CHECK(co_await containers.unpause(name));

  auto updated = co_await containers.update(name, R"({"PidsLimit":77})");
  if (!updated) co_return std::move(updated).error();
  auto info = co_await containers.inspect(name);
  EXPECT_TRUE(info && info->raw.find("\"PidsLimit\":77") != std::string::npos);
  EXPECT_TRUE(info && info->state.pid > 0);

  auto top = co_await containers.top(name, "");
  if (!top) co_return std::move(top).error();
  EXPECT_FALSE(top->titles.empty());
  EXPECT_FALSE(top->rows.empty());

  auto wait = co_await containers.wait(name, WaitFor::next_exit);
  if (!wait) co_return std::move(wait).error();
  BRIG_CO_CHECK(co_await containers.kill(name, "KILL"));
  auto exit = co_await (*wait)->result(Deadline::in(std::chrono::seconds(60)));
  EXPECT_TRUE(exit && exit->code == 128 + SIGKILL);
  auto dead = co_await containers.kill(name, "KILL");
  EXPECT_TRUE(!dead && dead.error().code == Code::conflict) << (dead ? "" : dead.error().message);
  auto stopped = co_await containers.stop(name, Millis(0));
  EXPECT_TRUE(stopped && *stopped == Change::already);
  co_return co_await drop(engine, name);
}
TEST(Containers, ChangeWhileTheyRun) {
  run(change_running);
}

net::Task<Result<void>> stop_with_grace(Engine& engine) {
  BRIG_CO_TRY(std::string name,
              co_await make_started(engine, "trap 'exit 3' TERM; echo up; while true; do sleep 0.1; done"));
  LogOptions follow{.follow = true};
  {
    auto logs = co_await engine.containers().logs(name, follow);
    if (!logs) co_return std::move(logs).error();
    auto up = co_await (*logs)->next();
    EXPECT_TRUE(up && *up);
  }
  auto stopped = co_await engine.containers().stop(name, std::chrono::seconds(30));
  EXPECT_TRUE(stopped && *stopped == Change::done);
  auto info = co_await engine.containers().inspect(name);
  EXPECT_TRUE(info && info->state.exit_code == 3);
  co_return co_await drop(engine, name);
}
TEST(Containers, StopGently) {
  run(stop_with_grace);
}

net::Task<Result<void>> list_by_label(Engine& engine) {
  std::string mark = random_hex(6);
  std::string more = R"("Labels":{"brig-test-mark":")" + mark + R"("})";
  BRIG_CO_TRY(std::string one, co_await make(engine, "true", more));
  BRIG_CO_TRY(std::string two, co_await make_started(engine, "sleep 1000", more));
  ContainerFilter filter;
  filter.labels = {"brig-test-mark=" + mark};
  auto all = co_await engine.containers().list(filter);
  if (!all) co_return std::move(all).error();
  EXPECT_EQ(all->size(), 2u);
  for (const auto& c : *all) {
    EXPECT_TRUE(c.name == one || c.name == two) << c.name;
    auto label = c.labels.find("brig-test-mark");
    EXPECT_TRUE(label != c.labels.end() && label->second == mark);
  }
  filter.all = false;
  auto running = co_await engine.containers().list(filter);
  EXPECT_TRUE(running && running->size() == 1 && running->front().name == two);
  filter.all = true;
  filter.statuses = {"created"};
  auto created = co_await engine.containers().list(filter);
  EXPECT_TRUE(created && created->size() == 1 && created->front().status == ContainerStatus::created);
  BRIG_CO_CHECK(co_await drop(engine, one));
  co_return co_await drop(engine, two);
}
TEST(Containers, AreListedByLabels) {
  run(list_by_label);
}

net::Task<Result<void>> refusals(Engine& engine) {
  auto& containers = engine.containers();
  BRIG_CO_TRY(std::string name, co_await make(engine, "true"));
  CreateOptions same{name, shell_body("true"), {}};
  auto taken = co_await containers.create(std::move(same));
  EXPECT_TRUE(!taken && taken.error().code == Code::conflict);
  if (!taken) {
    EXPECT_NE(taken.error().message.find(name), std::string::npos);
  }
  CreateOptions no_image{fresh_name(), R"({"Image":"brig-test/absent"})", {}};
  auto absent = co_await containers.create(std::move(no_image));
  EXPECT_TRUE(!absent && absent.error().code == Code::not_found);
  CreateOptions bad{fresh_name(), R"({"Image":7})", {}};
  auto nonsense = co_await containers.create(std::move(bad));
  EXPECT_FALSE(nonsense);  // with which status is the engine's affair
  auto traversal = co_await containers.inspect("../images");
  EXPECT_TRUE(!traversal && traversal.error().code == Code::invalid);
  auto unknown = co_await containers.start("no-such-container");
  EXPECT_TRUE(!unknown && unknown.error().code == Code::not_found);
  auto unwaited = co_await containers.wait("no-such-container", WaitFor::next_exit);
  EXPECT_TRUE(!unwaited && unwaited.error().code == Code::not_found);
  co_return co_await drop(engine, name);
}
TEST(Containers, RefusalsCarryTheEnginesWords) {
  run(refusals);
}

}  // namespace
}  // namespace brig::docker
