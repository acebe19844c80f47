#include "support.hpp"

namespace brig::docker {
namespace {

net::Task<Result<void>> whole_life(Engine& engine) {
  auto& volumes = engine.volumes();
  auto scratch = harness::Engine::shared().scratch("volume");
  if (!scratch) co_return std::move(scratch).error();
  VolumeOptions options;
  options.name = fresh_name();
  options.labels = {{"brig-test-volume", options.name}};
  options.driver_options = {{"type", "none"}, {"o", "bind"}, {"device", scratch->string()}};
  std::string name = options.name;
  auto created = co_await volumes.create(options);
  if (!created) co_return std::move(created).error();
  EXPECT_EQ(created->name, name);
  EXPECT_EQ(created->driver, "local");
  auto again = co_await volumes.create(options);
  EXPECT_TRUE(again && again->name == name);
  auto seen = co_await volumes.inspect(name);
  if (!seen) co_return std::move(seen).error();
  EXPECT_EQ(seen->driver_options, options.driver_options);
  EXPECT_EQ(seen->labels, options.labels);
  EXPECT_TRUE(seen->created.has_value());

  VolumeFilter filter;
  filter.labels = {"brig-test-volume=" + name};
  auto listed = co_await volumes.list(filter);
  EXPECT_TRUE(listed && listed->size() == 1 && listed->front().name == name);
  filter.labels = {"brig-test-volume=other"};
  auto none = co_await volumes.list(filter);
  EXPECT_TRUE(none && none->empty());

  std::string more = R"("Volumes":{},"HostConfig":{"NetworkMode":"none","Binds":[")" + name + R"(:/data"]})";
  BRIG_CO_TRY(std::string user, co_await make(engine, "true", more));
  auto info = co_await engine.containers().inspect(user);
  EXPECT_TRUE(info && info->mounts.size() == 1 && info->mounts[0].name == name && info->mounts[0].writable &&
              info->mounts[0].destination == "/data" && info->mounts[0].type == "volume");
  auto in_use = co_await volumes.remove(name, false);
  EXPECT_TRUE(!in_use && in_use.error().code == Code::conflict);
  BRIG_CO_CHECK(co_await drop(engine, user));
  BRIG_CO_CHECK(co_await volumes.remove(name, false));
  auto gone = co_await volumes.inspect(name);
  EXPECT_TRUE(!gone && gone.error().code == Code::not_found);
  co_return Result<void>{};
}
TEST(Volumes, WithDriverOptionsComeAndGo) {
  run(whole_life);
}

}  // namespace
}  // namespace brig::docker
