// The life of a session: pausing, being stopped, outliving its time, running into limits; also across a kill
// -9 of brigd.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "brigd.hpp"
#include "core/files.hpp"

namespace brig::test {
namespace {

using nlohmann::json;

const std::string kCount = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.05; done";

class Life : public testing::Test {
 protected:
  void start(const std::string& name, std::vector<std::string> options, std::vector<std::string> command) {
    std::vector<std::string> args = {"run", "box", "--name", name, "--empty", "-d"};
    args.insert(args.end(), options.begin(), options.end());
    args.push_back("--");
    args.insert(args.end(), command.begin(), command.end());
    auto started = brigd.brig(args);
    ASSERT_EQ(started.code, 0) << started.err;
  }
  json show(const std::string& name) {
    auto said = brigd.brig({"show", name, "--json"});
    return said.code == 0 ? json::parse(said.out, nullptr, false) : json::object();
  }
  std::string state(const std::string& name) { return show(name).value("state", ""); }
  std::uint64_t printed(const std::string& name) {
    auto session = show(name);
    return session["processes"][0]["output_end"].get<std::uint64_t>();
  }
  bool prints(const std::string& name) {
    auto before = printed(name);
    return eventually([&] { return printed(name) > before; }, name + " prints");
  }
  std::vector<std::string> kinds(const std::string& name) {
    auto said = brigd.brig({"events", "--json", "--kind", "session"});
    std::vector<std::string> out;
    std::istringstream lines(said.out);
    for (std::string line; std::getline(lines, line);) {
      auto event = json::parse(line, nullptr, false);
      if (event.is_object() && event["detail"].value("name", "") == name) out.push_back(event["kind"]);
    }
    return out;
  }
  void settled(const std::string& name) {
    eventually([&] { return state(name) == "ended"; }, name + " has ended");
  }
  // How many are attached, as the service counts them.
  int attachments() {
    auto done = harness::run(
        {"/usr/bin/curl", "-sS", "--unix-socket", brigd.socket().string(), "http://brig/metrics"}, {},
        brigd.options());
    if (!done) return -1;
    const std::string line = "\nbrig_attachments ";
    auto at = done->out.find(line);
    return at == std::string::npos ? 0 : std::atoi(done->out.c_str() + at + line.size());
  }

  Brigd brigd;
};

TEST_F(Life, APausedSessionStandsStillAndGoesOn) {
  start("p", {}, {"sh", "-c", kCount});
  ASSERT_TRUE(prints("p"));
  ASSERT_EQ(brigd.brig({"pause", "p"}).code, 0);
  auto paused = show("p");
  EXPECT_EQ(paused["state"], "paused");
  EXPECT_NE(paused["reason"].get<std::string>().find("paused by"), std::string::npos);
  EXPECT_EQ(brigd.brig({"pause", "p"}).code, 0);  // as it is
  auto refused = brigd.brig({"exec", "p", "--", "true"});
  EXPECT_EQ(refused.code, 73);
  EXPECT_NE(refused.err.find("brig resume"), std::string::npos) << refused.err;
  EXPECT_EQ(brigd.brig({"ps", "-q", "--state", "paused"}).out, "p\n");

  // A restart of ours changes nothing about it.
  brigd.kill_hard();
  brigd.start();
  EXPECT_EQ(state("p"), "paused");
  auto quiet = printed("p");
  ASSERT_EQ(brigd.brig({"resume", "p"}).code, 0);
  EXPECT_EQ(state("p"), "running");
  EXPECT_TRUE(prints("p"));
  EXPECT_GT(printed("p"), quiet);
  EXPECT_EQ(brigd.brig({"stop", "--grace", "0s", "p"}).code, 0);
  EXPECT_EQ(brigd.brig({"pause", "p"}).code, 73);
  EXPECT_EQ(kinds("p"), (std::vector<std::string>{"session.preparing", "session.starting", "session.running",
                                                  "session.paused", "session.running", "session.ending",
                                                  "session.ended"}));
  brigd.expect_nothing_left(1);
}

TEST_F(Life, APausedSessionCanBeStoppedAndRemoved) {
  const std::string polite = "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.1; done";
  start("asked", {}, {"sh", "-c", polite});
  start("killed", {}, {"sh", "-c", polite});
  start("removed", {}, {"sh", "-c", polite});
  for (const char* name : {"asked", "killed", "removed"}) {
    eventually([&] { return printed(name) > 0; }, "it is ready");
    ASSERT_EQ(brigd.brig({"pause", name}).code, 0);
  }
  brigd.kill_hard();
  brigd.start();
  EXPECT_EQ(brigd.brig({"stop", "asked"}).code, 0);
  EXPECT_EQ(brigd.brig({"logs", "asked"}).out, "ready\nbye\n");
  EXPECT_EQ(show("asked")["outcome"]["kind"], "stopped");
  EXPECT_EQ(brigd.brig({"stop", "--grace", "0s", "killed"}).code, 0);
  EXPECT_EQ(brigd.brig({"logs", "killed"}).out, "ready\n");
  EXPECT_EQ(brigd.brig({"rm", "-f", "removed"}).code, 0);
  brigd.expect_nothing_left(2);
}

TEST_F(Life, APauseThatOurDeathCutShortIsMadeWhole) {
  start("p", {}, {"sh", "-c", kCount});
  ASSERT_TRUE(prints("p"));
  auto container = show("p")["container"].get<std::string>();
  // As if brigd had died between the ledger and the engine: the one says running, the other is frozen.
  brigd.kill_hard();
  ASSERT_TRUE(harness::Engine::shared().request("POST", "/containers/" + container + "/pause"));
  brigd.start();
  EXPECT_TRUE(prints("p"));
  EXPECT_EQ(state("p"), "running");
}

TEST_F(Life, EndsWhenItsTimeIsOver) {
  start("short", {"--ttl", "10s"}, {"sh", "-c", "trap 'exit 9' TERM; while :; do sleep 0.1; done"});
  EXPECT_TRUE(show("short").contains("expires"));
  // The time runs on while we are away, and while it is paused.
  start("frozen", {"--ttl", "12s"}, {"sleep", "1000"});
  ASSERT_EQ(brigd.brig({"pause", "frozen"}).code, 0);
  start("long", {"--ttl", "1h"}, {"sleep", "1000"});
  brigd.kill_hard();
  brigd.start();
  for (const char* name : {"short", "frozen"}) {
    settled(name);
    auto outcome = show(name)["outcome"];
    EXPECT_EQ(outcome["kind"], "expired") << outcome;
    EXPECT_EQ(outcome["exit_code"], 124);
    EXPECT_NE(outcome["detail"].get<std::string>().find("time to live"), std::string::npos);
  }
  EXPECT_EQ(state("long"), "running");
}

TEST_F(Life, EndsWhenNothingIsDoneInIt) {
  start("waits", {"--idle", "2s"}, {"sleep", "1000"});
  // These have time to be paused, and to be seen at work after a restart of brigd, as has who looks on to
  // come back.
  start("works", {"--idle", "10s"}, {"sh", "-c", "while :; do :; done"});
  start("prints", {"--idle", "10s"}, {"sh", "-c", "while :; do echo x; sleep 0.5; done"});
  start("paused", {"--idle", "10s"}, {"sleep", "1000"});
  ASSERT_EQ(brigd.brig({"pause", "paused"}).code, 0);
  // Two that only wait; at one somebody looks on.
  start("longer", {"--idle", "10s"}, {"sleep", "1000"});
  start("watched", {"--idle", "10s"}, {"sleep", "1000"});
  auto watcher = harness::Child::spawn(brigd.command({"attach", "watched"}), brigd.options());
  ASSERT_TRUE(watcher);
  eventually([&] { return attachments() == 1; }, "somebody looks on");
  brigd.kill_hard();
  brigd.start();
  settled("waits");
  EXPECT_EQ(show("waits")["outcome"]["kind"], "expired");
  EXPECT_NE(show("waits")["reason"].get<std::string>().find("nothing was done"), std::string::npos);
  settled("longer");
  // The others were begun before it, or at the same time.
  EXPECT_EQ(state("works"), "running");
  EXPECT_EQ(state("prints"), "running");
  EXPECT_EQ(state("paused"), "paused");
  EXPECT_EQ(state("watched"), "running");
  watcher->kill(SIGKILL);
  ASSERT_EQ(brigd.brig({"resume", "paused"}).code, 0);
  settled("watched");
  settled("paused");
}

TEST_F(Life, LimitsAreToldApart) {
  auto memory = brigd.brig({"run", "box", "--name", "memory", "--empty", "--memory", "32M", "--", "tail",
                            "-c", "200m", "/dev/zero"});
  EXPECT_EQ(memory.code, 137);
  EXPECT_EQ(show("memory")["outcome"]["kind"], "out_of_memory");
  EXPECT_EQ(show("memory")["outcome"]["limits"], json::array({"memory"}));

  brigd.brig({"run", "box", "--name", "pids", "--empty", "--pids", "16", "--", "sh", "-c",
              "i=0; while [ $i -lt 40 ]; do sleep 5 & i=$((i+1)); done; exit 3"});
  auto pids = show("pids")["outcome"];
  EXPECT_EQ(pids["limits"], json::array({"pids"})) << pids;
  EXPECT_NE(pids["detail"].get<std::string>().find("processes were refused"), std::string::npos);

  brigd.brig({"run", "box", "--name", "disk", "--empty", "--disk", "32M", "--", "sh", "-c",
              "head -c 100m /dev/zero > /workspace/big; exit 4"});
  auto disk = show("disk")["outcome"];
  EXPECT_EQ(disk["limits"], json::array({"disk"})) << disk;
  EXPECT_NE(disk["detail"].get<std::string>().find("disk limit of "), std::string::npos);

  brigd.brig({"run", "box", "--name", "none", "--empty", "--disk", "32M", "--", "sh", "-c", "exit 5"});
  settled("none");
  EXPECT_FALSE(show("none")["outcome"].contains("limits"));
  EXPECT_EQ(show("none")["reason"], "its command exited with 5");
}

TEST_F(Life, BackgroundProcessesAreListed) {
  start("s", {}, {"sleep", "1000"});
  auto number = brigd.brig({"exec", "-d", "s", "--", "sleep", "999"});
  EXPECT_EQ(number.out, "2\n") << number.err;
  auto table = brigd.brig({"ps", "s"});
  EXPECT_NE(table.out.find("sleep 1000"), std::string::npos) << table.out;
  EXPECT_NE(table.out.find("sleep 999"), std::string::npos) << table.out;
  EXPECT_EQ(json::parse(brigd.brig({"ps", "s", "--json"}).out).size(), 2u);
}

TEST(Quota, IsHeldAndSaysWhatIsUsed) {
  Brigd brigd("[quota]\nsessions = 2\nmemory = \"1 GiB\"\n");
  auto run = [&](const std::string& name, const std::string& memory) {
    return brigd.brig(
        {"run", "box", "--name", name, "--empty", "-d", "--memory", memory, "--", "sleep", "1000"});
  };
  EXPECT_EQ(run("a", "600M").code, 0);
  auto refused = run("b", "600M");
  EXPECT_EQ(refused.code, 71);
  EXPECT_NE(refused.err.find("'memory'"), std::string::npos) << refused.err;
  EXPECT_EQ(run("b", "100M").code, 0);
  refused = run("c", "100M");
  EXPECT_EQ(refused.code, 71);
  EXPECT_NE(refused.err.find("2 of 2"), std::string::npos) << refused.err;
  EXPECT_EQ(brigd.brig({"stop", "--grace", "0s", "a"}).code, 0);
  EXPECT_EQ(run("c", "100M").code, 0);
}

TEST(Quota, OfStartsSaysWhenToComeAgain) {
  Brigd brigd("[quota]\nowners = [{ owner = \"uid:0\", starts_per_minute = 1 }]\n");
  EXPECT_EQ(brigd.brig({"run", "box", "--rm", "--empty", "--", "true"}).code, 0);
  auto refused = brigd.brig({"run", "box", "--rm", "--empty", "--", "true"});
  EXPECT_EQ(refused.code, 75);
  EXPECT_NE(refused.err.find("come again in"), std::string::npos) << refused.err;
}

}  // namespace
}  // namespace brig::test
