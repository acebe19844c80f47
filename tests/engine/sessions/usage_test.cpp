// What sessions use, as the kernel counts it, against what they are made to use.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "brigd.hpp"

namespace brig::test {
namespace {

using nlohmann::json;

class Usage : public testing::Test {
 protected:
  void start(const std::string& name, std::vector<std::string> options, const std::string& script) {
    std::vector<std::string> args = {"run", "box", "--name", name, "--empty", "-d"};
    args.insert(args.end(), options.begin(), options.end());
    args.insert(args.end(), {"--", "sh", "-c", script});
    auto started = brigd.brig(args);
    ASSERT_EQ(started.code, 0) << started.err;
  }
  json of(const std::string& name) {
    auto said = brigd.brig({"stats", name, "--json"});
    auto all = said.code == 0 ? json::parse(said.out, nullptr, false) : json::array();
    return all.is_array() && !all.empty() ? all[0] : json::object();
  }
  // Until what is used of `what` is at least `bytes`.
  bool uses(const std::string& name, const char* what, std::uint64_t bytes) {
    return eventually(
        [&] {
          auto usage = of(name);
          return usage.contains(what) && usage[what]["used"].get<std::uint64_t>() >= bytes;
        },
        name + " uses its " + what);
  }
  Brigd brigd;
};

TEST_F(Usage, IsWhatTheyDo) {
  start("busy", {"--cpus", "0.5"}, "while :; do :; done");
  start("quiet", {}, "sleep 1000");
  start("large", {"--memory", "64M"}, "head -c 20m /dev/zero | tail -c 20m | (sleep 1000)");
  start("many", {"--pids", "40"}, "for i in 1 2 3 4 5 6 7 8; do sleep 1000 & done; wait");
  start("full", {"--disk", "32M"}, "head -c 8m /dev/urandom > /workspace/x; sync; sleep 1000");

  EXPECT_TRUE(uses("large", "memory", 20 << 20));
  auto large = of("large");
  EXPECT_EQ(large["memory"]["limit"], 64 << 20);
  EXPECT_LT(large["memory"]["used"], 64 << 20);
  EXPECT_TRUE(uses("many", "tasks", 9));
  EXPECT_EQ(of("many")["tasks"]["limit"], 40);
  EXPECT_TRUE(uses("full", "disk", 8 << 20));
  EXPECT_LE(of("full")["disk"]["limit"], 32 << 20);

  // However loaded the machine is: what works has used more than what sleeps.
  EXPECT_TRUE(eventually([&] { return of("busy").value("cpu", 0.0) > 10 * of("quiet").value("cpu", 1.0); },
                         "the busy one is seen to be"));
  EXPECT_DOUBLE_EQ(of("busy")["cpus"], 0.5);

  // A new brigd knows as much, and a paused one stands still.
  brigd.kill_hard();
  brigd.start();
  EXPECT_TRUE(eventually([&] { return of("busy").value("cpu", 0.0) > 0; }, "it is seen after a restart"));
  ASSERT_EQ(brigd.brig({"pause", "busy"}).code, 0);
  EXPECT_EQ(of("busy")["cpu"], 0.0);
  EXPECT_EQ(of("busy")["state"], "paused");

  ASSERT_EQ(brigd.brig({"stop", "--grace", "0s", "busy"}).code, 0);
  EXPECT_EQ(brigd.brig({"stats", "busy"}).code, 66);
  auto rest = json::parse(brigd.brig({"top", "--once", "--json", "--sort", "memory"}).out);
  ASSERT_EQ(rest.size(), 4u);
  EXPECT_EQ(rest[0]["name"], "large");
}

}  // namespace
}  // namespace brig::test
