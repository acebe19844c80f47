// The whole way, as a person goes it: brig → brigd → engine → brig-init → process.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "brigd.hpp"
#include "core/files.hpp"

namespace brig::test {
namespace {

class Sessions : public testing::Test {
 protected:
  std::string first_id() {
    auto all = brigd.sessions();
    return all.empty() ? "" : all[0]["id"].get<std::string>();
  }
  Brigd brigd;
};

TEST_F(Sessions, ASandboxIsTight) {
  auto project = brigd.project("app");
  put_file(project / "hello", "from the host\n");
  auto done =
      brigd.brig({"run", "box", "--rm", "--project", project, "--", "sh", "-c",
                  "id -u; grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status; cat /workspace/hello; "
                  "touch /x 2>&1; ls /sys/class/net; stat -c %u /workspace/hello"});
  EXPECT_EQ(done.code, 0) << done.err;
  for (const char* expected :
       {"1000\n", "CapInh:\t0000000000000000", "CapPrm:\t0000000000000000", "CapEff:\t0000000000000000",
        "CapBnd:\t0000000000000000", "CapAmb:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2",
        "from the host", "Read-only file system", "lo\n"}) {
    EXPECT_NE(done.out.find(expected), std::string::npos) << expected << "\n" << done.out;
  }
  EXPECT_EQ(done.out.find("eth0"), std::string::npos);
  brigd.expect_nothing_left();
}

TEST_F(Sessions, TheProjectIsNeverWritten) {
  auto project = brigd.project("app");
  put_file(project / "keep", "old");
  put_file(project / "gone", "old");
  auto done = brigd.brig({"run", "box", "--name", "edit", "--project", project, "--", "sh", "-c",
                          "cd /workspace && echo new > keep && rm gone && echo x > made && cat keep && ls"});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.out, "new\nkeep\nmade\n");
  EXPECT_EQ(*read_file(project / "keep", 100), "old");
  EXPECT_EQ(*read_file(project / "gone", 100), "old");
  EXPECT_FALSE(std::filesystem::exists(project / "made"));
  brigd.expect_nothing_left(1);
  EXPECT_EQ(brigd.brig({"rm", "edit"}).code, 0);
  brigd.expect_nothing_left(0);
}

TEST_F(Sessions, ExitCodesAndStreamsPassThrough) {
  auto done =
      brigd.brig({"run", "box", "--rm", "--empty", "--", "sh", "-c", "echo out; echo err >&2; exit 7"});
  EXPECT_EQ(done.code, 7);
  EXPECT_EQ(done.out, "out\n");
  EXPECT_EQ(done.err, "err\n");
  EXPECT_EQ(brigd.brig({"run", "box", "--rm", "--empty", "--", "sh", "-c", "kill -TERM $$"}).code, 143);
}

TEST_F(Sessions, InputAndOutputAreBinaryAndWhole) {
  std::mt19937 random(7);
  std::string input(12 << 20, 0);
  for (auto& c : input) c = static_cast<char>(random());
  auto done = brigd.brig({"run", "box", "--rm", "--empty", "--", "cat"}, input);
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.out.size(), input.size());
  EXPECT_TRUE(done.out == input);
}

TEST_F(Sessions, LifeOfANamedSession) {
  auto started =
      brigd.brig({"run", "box", "--name", "fix", "--empty", "--detach", "--label", "team=a", "--", "sh", "-c",
                  "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 1 & wait $!; done"});
  ASSERT_EQ(started.code, 0) << started.err;
  eventually([&] { return brigd.brig({"logs", "fix"}).out == "ready\n"; }, "it is ready");
  auto all = brigd.sessions();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0]["name"], "fix");
  EXPECT_EQ(all[0]["state"], "running");
  EXPECT_EQ(brigd.brig({"run", "box", "--name", "fix", "--empty", "--", "true"}).code != 0, true);

  auto executed = brigd.brig({"exec", "fix", "--", "sh", "-c", "cat; exit 3"}, "typed");
  EXPECT_EQ(executed.code, 3) << executed.err;
  EXPECT_EQ(executed.out, "typed");
  auto missing = brigd.brig({"exec", "fix", "--", "no-such-program"});
  EXPECT_NE(missing.code, 0);
  EXPECT_NE(missing.err.find("no-such-program"), std::string::npos) << missing.err;

  EXPECT_EQ(brigd.brig({"rm", "fix"}).code != 0, true);  // it runs
  EXPECT_EQ(brigd.brig({"stop", "fix"}).code, 0);
  auto logs = brigd.brig({"logs", "fix"});
  EXPECT_EQ(logs.code, 0) << logs.err;
  EXPECT_EQ(logs.out, "ready\nbye\n");
  EXPECT_EQ(brigd.sessions()[0]["state"], "ended");
  EXPECT_EQ(brigd.brig({"rm", "fix"}).code, 0);
  EXPECT_EQ(brigd.brig({"logs", "fix"}).code != 0, true);
  brigd.expect_nothing_left();
}

TEST_F(Sessions, OutOfMemoryIsCalledThat) {
  auto done = brigd.brig(
      {"run", "box", "--name", "big", "--empty", "--memory", "32M", "--", "tail", "-c", "200m", "/dev/zero"});
  EXPECT_EQ(done.code, 137) << done.err;
  EXPECT_EQ(brigd.sessions()[0]["outcome"]["kind"], "out_of_memory") << brigd.sessions().dump(2);

  auto inside = brigd.brig({"run", "box", "--name", "child", "--empty", "--memory", "32M", "--", "sh", "-c",
                            "tail -c 200m /dev/zero; exit 9"});
  EXPECT_EQ(inside.code, 9) << inside.err;
  auto outcome = brigd.sessions()[1]["outcome"];
  EXPECT_EQ(outcome["kind"], "exited");
  EXPECT_NE(outcome.value("detail", "").find("memory"), std::string::npos) << outcome.dump();
}

class Runtimes : public Sessions, public testing::WithParamInterface<const char*> {};

TEST_P(Runtimes, RunTheSame) {
  auto project = brigd.project("app");
  put_file(project / "hello", "hi\n");
  auto done =
      brigd.brig({"run", "box", "--rm", "--project", project, "--runtime", GetParam(), "--", "sh", "-c",
                  "id -u; cat /workspace/hello; echo made > /workspace/new; cat /workspace/new; uname -r"});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.out.substr(0, 13), "1000\nhi\nmade\n") << done.out;
  EXPECT_EQ(done.out.find("4.4.0") != std::string::npos, std::string(GetParam()) == "runsc") << done.out;
  brigd.expect_nothing_left();
}
INSTANTIATE_TEST_SUITE_P(All, Runtimes, testing::Values("runc", "crun", "runsc"),
                         [](const auto& info) { return std::string(info.param); });

struct Bad {
  const char* name;
  std::vector<std::string> args;
  const char* says;
};

class BadInput : public Sessions, public testing::WithParamInterface<Bad> {};

TEST_P(BadInput, IsRefusedWithARemedyAndLeavesNothing) {
  auto args = GetParam().args;
  for (auto& arg : args) {
    if (arg == "@STATE") arg = brigd.state();
    if (arg == "@PARENT") arg = brigd.dir();
    if (arg == "@FILE") arg = brigd.config();
    if (arg == "@SOCKETDIR") arg = harness::Engine::shared().socket().parent_path();
  }
  auto done = brigd.brig(args);
  EXPECT_GE(done.code, 64) << done.out << done.err;
  EXPECT_NE(done.err.find(GetParam().says), std::string::npos) << done.err;
  EXPECT_TRUE(done.out.empty()) << done.out;
  EXPECT_TRUE(brigd.sessions().empty());
  brigd.expect_nothing_left();
}
INSTANTIATE_TEST_SUITE_P(
    All, BadInput,
    testing::Values(
        Bad{"UnknownProvider", {"run", "boks", "--empty"}, "box"},
        Bad{"UnknownProfile", {"run", "box", "--empty", "--profile", "strickt"}, "strict"},
        Bad{"UnknownFlag", {"run", "box", "--emty"}, "--empty"},
        Bad{"NoSuchProject", {"run", "box", "--project", "/no/such/place"}, "/no/such/place"},
        Bad{"ProjectIsAFile", {"run", "box", "--project", "@FILE"}, "director"},
        Bad{"ProjectIsRoot", {"run", "box", "--project", "/"}, "/"},
        Bad{"ProjectIsTheState", {"run", "box", "--project", "@STATE"}, "state"},
        Bad{"ProjectHoldsTheState", {"run", "box", "--project", "@PARENT"}, "state"},
        Bad{"ProjectHoldsTheEnginesSocket", {"run", "box", "--project", "@SOCKETDIR"}, "contains"},
        Bad{"BadName", {"run", "box", "--empty", "--name", "../x"}, "../x"},
        Bad{"BadSize", {"run", "box", "--empty", "--memory", "lots"}, "512M"},
        Bad{"UnknownRuntime", {"run", "box", "--empty", "--runtime", "kata"}, "kata"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(Ceiling, IsNotExceeded) {
  Brigd brigd("[policy]\nceiling = \"" + std::string(BRIG_TEST_PROVIDERS) + "/../ceiling.toml\"\n");
  auto done = brigd.brig({"run", "box", "--empty", "--memory", "1G", "--", "true"});
  EXPECT_GE(done.code, 64);
  EXPECT_NE(done.err.find("memory"), std::string::npos) << done.err;
  EXPECT_EQ(brigd.brig({"run", "box", "--rm", "--empty", "--", "true"}).code, 0);
}

TEST(Several, DoNotSeeEachOther) {
  Brigd one;
  Brigd two;
  ASSERT_EQ(one.brig({"run", "box", "--name", "a", "--empty", "-d", "--", "sleep", "1000"}).code, 0);
  EXPECT_TRUE(two.sessions().empty());
  EXPECT_NE(two.brig({"stop", "a"}).code, 0);
  two.kill_hard();
  two.start();
  EXPECT_EQ(one.sessions()[0]["state"], "running");
}

}  // namespace
}  // namespace brig::test
