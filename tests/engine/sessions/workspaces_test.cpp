// Checkpoints, forks, going back and discarding, the whole way; and kill -9 in the middle of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "brigd.hpp"
#include "core/files.hpp"

namespace brig::test {
namespace {

using ::testing::HasSubstr;

class Workspaces : public testing::Test {
 protected:
  void SetUp() override {
    project = brigd.project("app");
    put_file(project / "keep", "of the host\n");
    put_file(project / "gone", "of the host\n");
  }
  std::string inside(const std::string& session, const std::string& script) {
    auto done = brigd.brig({"exec", session, "--", "sh", "-c", script});
    EXPECT_EQ(done.code, 0) << script << ": " << done.err;
    return done.out;
  }
  void ok(std::vector<std::string> args) {
    auto done = brigd.brig(args);
    EXPECT_EQ(done.code, 0) << testing::PrintToString(args) << ": " << done.err;
  }
  void start(const std::string& name, const std::string& runtime = "runc") {
    ok({"run", "box", "--name", name, "--project", project, "--runtime", runtime, "-d", "--", "sleep",
        "100000"});
  }
  nlohmann::json named(const std::string& name) {
    for (auto& session : brigd.sessions()) {
      if (session["name"] == name) return session;
    }
    return {};
  }
  void host_is_as_it_was() {
    EXPECT_EQ(*read_file(project / "keep", 100), "of the host\n");
    EXPECT_EQ(*read_file(project / "gone", 100), "of the host\n");
  }

  Brigd brigd;
  std::filesystem::path project;
};

class Everywhere : public Workspaces, public testing::WithParamInterface<const char*> {};

TEST_P(Everywhere, AForkGoesOnFromTheSameStateAndBothContinue) {
  start("one", GetParam());
  inside("one", "cd /workspace && echo one > keep && rm gone && mkdir dir && echo x > dir/made");
  auto forked = brigd.brig({"fork", "one", "--name", "two"});
  ASSERT_EQ(forked.code, 0) << forked.err;
  EXPECT_EQ(forked.out, "two\n");
  EXPECT_EQ(inside("two", "cd /workspace && cat keep dir/made && ls"), "one\nx\ndir\nkeep\n");
  inside("two", "cd /workspace && echo two > keep && rm -r dir && echo back > gone");
  inside("one", "cd /workspace && echo more >> keep");
  EXPECT_EQ(inside("one", "cd /workspace && cat keep && ls"), "one\nmore\ndir\nkeep\n");
  EXPECT_EQ(inside("two", "cd /workspace && cat keep gone && ls"), "two\nback\ngone\nkeep\n");
  host_is_as_it_was();
  // Whatever is left of the one when it goes is the other's.
  ok({"rm", "-f", "one"});
  EXPECT_EQ(inside("two", "cd /workspace && cat keep"), "two\n");
  ok({"rm", "-f", "two"});
  brigd.expect_nothing_left();
}
INSTANTIATE_TEST_SUITE_P(Runtimes, Everywhere, testing::Values("runc", "crun", "runsc"),
                         [](const auto& info) { return std::string(info.param); });

TEST_F(Workspaces, ARunningSessionGoesBackToACheckpoint) {
  start("fix");
  inside("fix", "cd /workspace && echo good > keep");
  ok({"checkpoint", "fix", "good"});
  inside("fix", "cd /workspace && echo bad > keep && rm gone");
  ok({"checkpoint", "fix", "bad"});
  auto listed = nlohmann::json::parse(brigd.brig({"checkpoint", "fix", "--json"}).out);
  ASSERT_EQ(listed.size(), 2u);
  EXPECT_EQ(listed[0]["name"], "good");
  EXPECT_EQ(listed[1]["name"], "bad");
  EXPECT_GT(listed[0]["bytes"], 0);

  auto before = named("fix");
  ok({"restore", "fix", "good"});
  auto after = named("fix");
  EXPECT_EQ(after["id"], before["id"]);
  EXPECT_EQ(after["state"], "running");
  EXPECT_EQ(inside("fix", "cd /workspace && cat keep gone"), "good\nof the host\n");
  inside("fix", "cd /workspace && echo after > keep");
  ok({"restore", "fix", "bad"});
  EXPECT_EQ(inside("fix", "cd /workspace && cat keep && ls"), "bad\nkeep\n");
  // As does one that has ended.
  ok({"stop", "fix"});
  ok({"restore", "fix", "good"});
  EXPECT_EQ(inside("fix", "cat /workspace/keep"), "good\n");

  ok({"checkpoint", "--delete", "fix", "bad"});
  EXPECT_GE(brigd.brig({"restore", "fix", "bad"}).code, 64);
  EXPECT_EQ(inside("fix", "cat /workspace/keep"), "good\n") << "a refusal takes nothing away";
  host_is_as_it_was();
  ok({"rm", "-f", "fix"});
  brigd.expect_nothing_left();
}

TEST_F(Workspaces, AnEndedSessionIsKeptWithoutACopyAndForkedFrom) {
  ok({"run", "box", "--name", "fix", "--project", project, "--", "sh", "-c", "echo done > /workspace/keep"});
  ok({"checkpoint", "fix", "done"});
  ok({"fork", "fix", "--name", "a"});
  ok({"fork", "fix", "--name", "b", "--from", "done"});
  // The command of the first runs again in each, on what it left.
  brigd.expect_nothing_left(3);
  auto bytes = nlohmann::json::parse(brigd.brig({"checkpoint", "fix", "--json"}).out)[0]["bytes"];
  EXPECT_GT(bytes, 0);
  for (auto name : {"a", "b", "fix"}) ok({"rm", name});
  brigd.expect_nothing_left();
}

TEST_F(Workspaces, DiscardingLeavesTheProject) {
  start("fix");
  inside("fix", "cd /workspace && echo changed > keep");
  ok({"checkpoint", "fix", "changed"});
  auto refused = brigd.brig({"discard", "fix"});
  EXPECT_NE(refused.code, 0);
  EXPECT_THAT(refused.err, HasSubstr("stop it first"));
  ok({"stop", "fix"});
  ok({"discard", "fix"});
  ok({"checkpoint", "fix", "nothing"});
  ok({"restore", "fix", "nothing"});
  EXPECT_EQ(inside("fix", "cat /workspace/keep"), "of the host\n");
  ok({"restore", "fix", "changed"});
  EXPECT_EQ(inside("fix", "cat /workspace/keep"), "changed\n");
  ok({"rm", "-f", "fix"});
  brigd.expect_nothing_left();
}

TEST_F(Workspaces, WhatCannotBe) {
  start("fix");
  ok({"checkpoint", "fix", "one"});
  for (const auto& [args, says] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"checkpoint", "fix", "one"}, "already"},
           {{"checkpoint", "fix", "../x"}, "../x"},
           {{"checkpoint", "nobody", "x"}, "nobody"},
           {{"restore", "fix", "two"}, "no checkpoint"},
           {{"fork", "fix", "--from", "two"}, "no checkpoint"},
           {{"fork", "fix", "--name", "fix"}, "named"},
           {{"checkpoint", "--delete", "fix", "two"}, "no checkpoint"},
           {{"checkpoint", "--delete", "fix"}, "needs the checkpoint's name"}}) {
    auto refused = brigd.brig(args);
    EXPECT_GE(refused.code, 64) << testing::PrintToString(args);
    EXPECT_THAT(refused.err, HasSubstr(says));
  }
  ok({"run", "box", "--name", "ro", "--project", project, "--profile", "default", "-d", "--", "sleep",
      "1000"});
  EXPECT_EQ(named("fix")["state"], "running");
  ok({"rm", "-f", "fix", "ro"});
  brigd.expect_nothing_left();
}

TEST_F(Workspaces, TheHostsTreeMayChangeMeanwhile) {
  start("fix");
  inside("fix",
         "cd /workspace && echo mine > keep && rm gone && mkdir made && mkdir -p dir && echo x > made/x");
  put_file(project / "keep", "of the host, later\n");
  put_file(project / "gone", "of the host, later\n");
  put_file(project / "later", "added on the host\n");
  std::filesystem::create_directory(project / "made");
  put_file(project / "made" / "y", "hidden\n");
  EXPECT_EQ(inside("fix", "cd /workspace && cat keep later && ls . made"),
            "mine\nadded on the host\n.:\ndir\nkeep\nlater\nmade\n\nmade:\nx\n");
  // What sees the project anew sees it as it is.
  ok({"checkpoint", "fix", "now"});
  put_file(project / "later", "changed on the host\n");
  ok({"restore", "fix", "now"});
  EXPECT_EQ(inside("fix", "cd /workspace && cat keep later && ls"),
            "mine\nchanged on the host\ndir\nkeep\nlater\nmade\n");
}

TEST_F(Workspaces, AFullDiskIsToldInsideAndOutside) {
  auto done = brigd.brig({"run", "box", "--name", "full", "--empty", "--disk", "32M", "--", "sh", "-c",
                          "cat /dev/zero > /workspace/big; exit 3"});
  EXPECT_EQ(done.code, 3);
  EXPECT_THAT(done.err, HasSubstr("No space left on device"));
  EXPECT_THAT(named("full")["reason"].get<std::string>(), HasSubstr("disk limit of "));
  EXPECT_THAT(named("full")["outcome"].value("detail", ""), HasSubstr("is reached"));
  ok({"run", "box", "--name", "filling", "--empty", "--disk", "32M", "-d", "--", "sleep", "100000"});
  EXPECT_EQ(named("filling")["reason"], "its command runs");
  inside("filling", "cat /dev/zero > /workspace/big || true");
  EXPECT_THAT(named("filling")["reason"].get<std::string>(), HasSubstr("disk limit of "));
  inside("filling", "rm /workspace/big");
  EXPECT_EQ(named("filling")["reason"], "its command runs");
}

TEST_F(Workspaces, TheProjectItselfCanBeBoundOrRead) {
  auto refused = brigd.brig({"run", "box", "--project", project, "--bind", "--", "true"});
  EXPECT_GE(refused.code, 64);
  EXPECT_THAT(refused.err, HasSubstr("ceiling"));
  auto read = brigd.brig({"run", "box", "--name", "ro", "--project", project, "--ro", "--", "sh", "-c",
                          "cat /workspace/keep; touch /workspace/new 2>&1; id -u"});
  EXPECT_EQ(read.code, 0) << read.err;
  EXPECT_THAT(read.out, HasSubstr("of the host"));
  EXPECT_THAT(read.out, HasSubstr("Read-only file system"));
  auto kept = brigd.brig({"checkpoint", "ro", "x"});
  EXPECT_GE(kept.code, 64);
  EXPECT_THAT(kept.err, HasSubstr("works on the project itself"));
  host_is_as_it_was();
}

TEST(Bound, WritesToTheProjectAsItsOwner) {
  Brigd brigd("[policy]\nceiling = \"" + std::string(BRIG_TEST_PROVIDERS) + "/../bind_ceiling.toml\"\n");
  auto project = brigd.project("app");
  put_file(project / "keep", "old\n");
  for (auto runtime : {"runc", "crun", "runsc"}) {
    auto done =
        brigd.brig({"run", "box", "--rm", "--project", project, "--bind", "--runtime", runtime, "--", "sh",
                    "-c", "cat /workspace/keep && echo " + std::string(runtime) + " > /workspace/keep"});
    EXPECT_EQ(done.code, 0) << done.err;
    EXPECT_EQ(*read_file(project / "keep", 100), std::string(runtime) + "\n");
  }
  struct stat st {};
  ASSERT_EQ(::stat((project / "keep").c_str(), &st), 0);
  EXPECT_EQ(st.st_uid, 4321u);
  auto roots = brigd.project("roots", 0);
  auto refused = brigd.brig({"run", "box", "--project", roots, "--bind", "--", "true"});
  EXPECT_GE(refused.code, 64);
  EXPECT_THAT(refused.err, HasSubstr("root's"));
  brigd.expect_nothing_left();
}

// Whatever was acknowledged is there; nothing else is; nobody is left waiting.
TEST_F(Workspaces, KilledAtRandomPointsNothingIsLostAndNothingIsOrphaned) {
  start("fix");
  inside("fix", "cd /workspace && head -c 20000000 /dev/urandom > big && echo 0 > count");
  std::mt19937 random(3);
  std::vector<std::string> acknowledged, forks;
  std::atomic<bool> any = false;  // was acknowledged
  for (int round = 0; round < 8; ++round) {
    std::atomic<bool> stop = false;
    std::thread busy([&] {
      auto options = brigd.options();
      options.env.push_back({"BRIG_RECONNECT", "0"});
      for (int i = 0; !stop; ++i) {
        auto name = "c-" + std::to_string(round) + "-" + std::to_string(i);
        auto kept = harness::run(brigd.command({"checkpoint", "fix", name}), {}, options);
        if (kept && kept->code == 0) {
          acknowledged.push_back(name);
          any = true;
        }
        auto fork = harness::run(brigd.command({"fork", "fix", "--name", "f-" + name}), {}, options);
        if (fork && fork->code == 0) forks.push_back("f-" + name);
      }
    });
    if (round == 0) eventually([&] { return any.load(); }, "something is acknowledged");
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 1500));
    brigd.kill_hard();
    stop = true;
    busy.join();
    brigd.start();
    inside("fix", "cd /workspace && echo " + std::to_string(round) + " > count && cat count");
  }
  EXPECT_FALSE(acknowledged.empty());
  auto listed = nlohmann::json::parse(brigd.brig({"checkpoint", "fix", "--json"}).out);
  for (const auto& name : acknowledged) {
    EXPECT_TRUE(std::any_of(listed.begin(), listed.end(), [&](const auto& c) { return c["name"] == name; }))
        << name;
  }
  for (const auto& name : forks) EXPECT_EQ(named(name)["state"], "running") << name;
  ok({"restore", "fix", acknowledged.back()});
  EXPECT_EQ(inside("fix", "wc -c < /workspace/big"), "20000000\n");
  for (const auto& session : brigd.sessions()) ok({"rm", "-f", session["id"].get<std::string>()});
  brigd.expect_nothing_left();
}

}  // namespace
}  // namespace brig::test
