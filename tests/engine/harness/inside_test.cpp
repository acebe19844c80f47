// A test of brig_engine_test() sees the engine's processes, mounts and network as its own.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>

#include "harness/child.hpp"
#include "harness/engine.hpp"

namespace brig::harness {
namespace {

TEST(Inside, SharesNamespacesWithTheEngine) {
  auto& engine = Engine::shared();
  const auto daemon = engine.daemon_pid();
  ASSERT_TRUE(daemon);
  EXPECT_EQ(::kill(*daemon, 0), 0);
  for (const char* kind : {"pid", "mnt", "net"}) {
    EXPECT_EQ(std::filesystem::read_symlink("/proc/" + std::to_string(*daemon) + "/ns/" + kind),
              std::filesystem::read_symlink(std::string("/proc/self/ns/") + kind));
  }
}

TEST(Inside, ChildrenEndWithTheTest) {
  auto child = Child::spawn({"sleep", "1000"});
  ASSERT_TRUE(child) << child.error().message;
  EXPECT_TRUE(child->running());
  child->kill(SIGTERM);
  const auto code = child->wait();
  ASSERT_TRUE(code);
  EXPECT_EQ(*code, 128 + SIGTERM);
}

TEST(Inside, ImagesAreMadeOnce) {
  auto& engine = Engine::shared();
  for (int i = 0; i < 2; ++i) {
    const auto made = engine.ensure_image("brig-test/busybox");
    ASSERT_TRUE(made) << made.error().message;
  }
  const auto found = engine.request("GET", "/v1.41/images/brig-test/busybox/json");
  EXPECT_TRUE(found) << found.error().message;
}

}  // namespace
}  // namespace brig::harness
