#include "support.hpp"

namespace brig::docker {
namespace {

net::Task<Result<void>> describe(Engine& engine) {
  BRIG_CO_CHECK(co_await engine.system().ping());
  auto version = co_await engine.system().version();
  if (!version) co_return std::move(version).error();
  EXPECT_FALSE(version->version.empty());
  EXPECT_GE(version->api, (ApiVersion{1, 41}));
  EXPECT_GE(version->spoken, (ApiVersion{1, 41}));
  EXPECT_EQ(version->os, "linux");
  auto info = co_await engine.system().info();
  if (!info) co_return std::move(info).error();
  EXPECT_EQ(info->version, version->version);
  EXPECT_GT(info->cpus, 0u);
  EXPECT_GT(info->memory, 0u);
  EXPECT_NE(std::find(info->runtimes.begin(), info->runtimes.end(), "runc"), info->runtimes.end());
  EXPECT_TRUE(info->has_security_option("seccomp"));
  EXPECT_FALSE(info->has_security_option("sec"));
  EXPECT_TRUE(info->storage_driver.size() > 0 && info->root_dir.starts_with('/'));
  auto use = co_await engine.system().disk_use();
  if (!use) co_return std::move(use).error();
  EXPECT_GT(use->layers, 0u);
  EXPECT_GT(use->images.count, 0u);
  co_return Result<void>{};
}
TEST(System, DescribesItself) {
  run(describe);
}

net::Task<Result<void>> events(Engine& engine) {
  EventFilter filter;
  filter.types = {"container"};
  filter.labels = {"brig-test=docker"};
  auto stream = co_await engine.system().events(filter);
  if (!stream) co_return std::move(stream).error();
  BRIG_CO_TRY(std::string name, co_await make_started(engine, "exit 5"));
  std::vector<std::string> seen;
  std::int64_t die_time = 0;
  while (seen.empty() || seen.back() != "die") {
    auto event = co_await (*stream)->next();
    if (!event) co_return std::move(event).error();
    if (!*event) break;
    if ((*event)->attributes["name"] != name) continue;
    seen.push_back((*event)->action);
    die_time = (*event)->time_ns;
    if (seen.back() == "die") {
      EXPECT_EQ((*event)->attributes["exitCode"], "5");
    }
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"create", "start", "die"}));
  EXPECT_GT(die_time, 1'500'000'000'000'000'000);

  // After a break, from the last one seen on: it comes again.
  filter.since_ns = die_time;
  auto resumed = co_await engine.system().events(filter);
  if (!resumed) co_return std::move(resumed).error();
  auto first = co_await (*resumed)->next();
  EXPECT_TRUE(first && *first && (*first)->action == "die" && (*first)->time_ns == die_time);
  co_return co_await drop(engine, name);
}
TEST(System, TellsEventsAndGoesOnAfterABreak) {
  run(events);
}

}  // namespace
}  // namespace brig::docker
