// Floods, seen from outside: what brigd keeps and what it has open stays bounded, and others are served.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "agent/tools.hpp"
#include "core/text.hpp"
#include "world/world.hpp"

namespace brig::escape {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

class Flood : public testing::TestWithParam<const char*> {
 protected:
  static void SetUpTestSuite() { world_ = new World; }
  static void TearDownTestSuite() {
    delete world_;
    world_ = nullptr;
  }
  json shown(const std::string& name, const std::vector<std::string>& words) {
    auto all = words;
    all.insert(all.end(), {name, "--json"});
    return json::parse(world_->brigd.brig(all).out, nullptr, false);
  }
  static World* world_;
};
World* Flood::world_ = nullptr;

TEST_P(Flood, OfOutputIsKeptWithinItsBound) {
  auto& world = *world_;
  world.start("loud", GetParam(),
              {"--", "sh", "-c", "head -c 60000000 /dev/zero | tr '\\0' x; echo; echo over; sleep 10000"});
  ASSERT_TRUE(test::eventually(
      [&] {
        return world.brigd.brig({"logs", "loud"}).out.ends_with("over\n");
      },
      "all of it has come"));
  std::uintmax_t kept = 0;
  auto id = shown("loud", {"show"})["id"].get<std::string>();
  for (const auto& entry : fs::recursive_directory_iterator(world.brigd.state() / "sessions" / id / "out"))
    if (entry.is_regular_file()) kept += entry.file_size();
  EXPECT_GT(kept, 1'000'000u) << "it is there that it is kept";
  EXPECT_LT(kept, 34'000'000u);
  world.remove("loud");
}

TEST_P(Flood, AtTheDoorKeepsNobodyElseOut) {
  auto& world = *world_;
  for (const char* name : {"quiet", "loud"})
    world.start(name, GetParam(), {"--allow", "tcp://good.test:8443", "--ask"});
  auto works = [&](const char* name) {
    return test::eventually(
        [&] {
          auto done = world.brigd.brig(
              {"exec", "-n", name, "--", "sh", "-c", "echo x | timeout 20 nc good.test 8443"});
          return done.out.find(kOutside) != std::string::npos;
        },
        std::string(name) + " is served");
  };
  ASSERT_TRUE(works("quiet"));
  // The door takes a thousand at once and two hundred a second.
  for (auto [kind, processes] : {std::pair("half", "6"), std::pair("ask", "1"), std::pair("open", "1")}) {
    harness::SpawnOptions options = world.brigd.options();
    options.pipe_in = options.pipe_out = true;
    auto crowd = harness::Child::spawn(
        world.brigd.command({"exec", "-i", "loud", "--", "./agent", "flood", kind, processes}), options);
    ASSERT_TRUE(crowd);
    std::string said;
    char piece[4096];
    for (ssize_t n;
         said.find("held") == std::string::npos && (n = ::read(crowd->out.get(), piece, sizeof piece)) > 0;)
      said.append(piece, static_cast<std::size_t>(n));
    EXPECT_THAT(said, HasSubstr("held")) << kind;
    if (kind == std::string("ask")) {
      EXPECT_TRUE(test::eventually(
          [&] {
            return shown("loud", {"egress", "show"})["questions"].size() == 32;
          },
          "as many are asked about as may be"));
    }
    EXPECT_TRUE(works("quiet")) << kind;
    EXPECT_TRUE(world.brigd.ready()) << kind;
    auto now = shown("loud", {"egress", "show"});
    EXPECT_LE(now["questions"].size(), 32u) << kind;
    EXPECT_LE(now["connections"].size(), 2048u) << kind;
    crowd->in.reset();
    (void)crowd->wait();
  }
  // Whoever made the crowd is served again when it is gone.
  EXPECT_TRUE(works("loud"));
  world.remove("quiet");
  world.remove("loud");
}

// Under gVisor process 1 can be ended from inside: its sandbox ends, and nothing else.
TEST_P(Flood, WhoeverEndsProcessOneEndsItsOwnSandboxAtMost) {
  auto& world = *world_;
  for (const char* name : {"quiet", "loud"}) world.start(name, GetParam(), {});
  auto before = shown("quiet", {"show"});
  (void)world.brigd.brig({"exec", "-n", "loud", "--", "sh", "-c", "kill -9 1; kill -9 -1; kill -9 1"});
  if (GetParam() == std::string("runsc")) {
    EXPECT_TRUE(test::eventually([&] { return shown("loud", {"show"})["state"] == "ended"; },
                                 "its own sandbox ends"));
  }
  auto still = world.brigd.brig({"exec", "-n", "quiet", "--", "echo", "here"});
  EXPECT_EQ(still.out, "here\n") << still.err;
  auto after = shown("quiet", {"show"});
  EXPECT_EQ(after["state"], "running");
  EXPECT_EQ(after["container"], before["container"]);
  EXPECT_TRUE(world.brigd.ready());
  world.remove("quiet");
  world.remove("loud");
}

INSTANTIATE_TEST_SUITE_P(Under, Flood, testing::Values("runc", "crun", "runsc"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace brig::escape
