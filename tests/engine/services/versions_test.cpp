// From one version of a service to another and back, under calls that never stop, and under kill -9.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <future>
#include <mutex>
#include <set>
#include <thread>

#include "services_house.hpp"

namespace brig::test {
namespace {

using ::testing::HasSubstr;

class Versions : public ServicesHouse {
 protected:
  // What `brig service update` finds next.
  void write(const std::string& version, json more = json::object()) {
    auto dir = brigd.dir() / "versions";
    if (!fs::exists(dir)) {
      brigd.project("versions");
      fs::copy_file(fs::path(SERVER_DIR) / "version.mjs", dir / "version.mjs");
    }
    more.update({{"version", version}, {"type", "module"}, {"main", "version.mjs"}});
    std::ofstream(dir / "package.json", std::ios::trunc) << more.dump();
  }
  harness::Finished deploy_versions(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"deploy", "mine", "--dir", (brigd.dir() / "versions").string()});
    return brig(more);
  }
  std::string who() { return call("who").out; }
  // "1 2*": the numbers that are kept, with the one that it has.
  std::string versions() {
    std::string out;
    auto shown = show("mine");
    for (const auto& one : shown["versions"])
      out += (out.empty() ? "" : " ") + std::to_string(one["number"].get<int>()) +
             (one["current"] == true ? "*" : "");
    return out;
  }
  // Sandboxes that servers of "mine" are in.
  std::size_t sandboxes() {
    std::size_t count = 0;
    for (const auto& one : brigd.sessions()) count += one.value("name", "").starts_with("mine-");
    return count;
  }
};

TEST_F(Versions, TakeOverWithoutAFailedCall) {
  write("1.0.0");
  ASSERT_EQ(deploy_versions().out, "mine running, version 1.0.0, 3 tools\n");
  std::atomic<bool> over = false;
  std::mutex mutex;
  std::string failures;
  std::set<std::string> answers;
  std::thread calls([&] {
    while (!over) {
      auto done = call("who");
      std::lock_guard lock(mutex);
      answers.insert(done.out);
      if (done.code != 0) failures += done.err;
    }
  });
  auto waits = std::async(std::launch::async, [&] {
    return brig({"call", "mine", "until", R"({"name":"go"})", "--timeout", "5m"});
  });
  eventually([&] { return logs().find("waiting for go") != std::string::npos; }, "a call is in flight");
  eventually(
      [&] {
        std::lock_guard lock(mutex);
        return !answers.empty();
      },
      "the other callers are answered by the old one");
  write("2.0.0");
  auto updated = brig({"update", "mine"});
  EXPECT_EQ(updated.out, "mine running, version 2.0.0, 3 tools\n") << updated.err;
  EXPECT_EQ(who(), "2.0.0 plain\n");
  eventually(
      [&] {
        std::lock_guard lock(mutex);
        return answers.size() == 2;
      },
      "the other callers are answered by it");
  over = true;
  calls.join();
  EXPECT_EQ(failures, "");
  EXPECT_EQ(answers, (std::set<std::string>{"1.0.0 plain\n", "2.0.0 plain\n"}));
  // Who waited for the old one has its answer from it; then it ends.
  EXPECT_EQ(call("put", {{"name", "go"}}).code, 0);
  EXPECT_EQ(waits.get().out, "1.0.0 plain\n");
  eventually([&] { return sandboxes() == 1; }, "the old one is gone");
  EXPECT_EQ(versions(), "1 2*");

  // What does not start changes nothing.
  write("3.0.0", {{"broken", true}});
  auto broken = brig({"update", "mine"});
  EXPECT_NE(broken.code, 0);
  EXPECT_THAT(broken.err, HasSubstr("what ran runs on"));
  EXPECT_THAT(broken.err, HasSubstr("I am broken"));
  EXPECT_EQ(who(), "2.0.0 plain\n");
  EXPECT_EQ(state("mine"), "running");
  EXPECT_EQ(versions(), "1 2*");
  eventually([&] { return sandboxes() == 1; }, "the broken one is gone");

  auto back = brig({"rollback", "mine"});
  EXPECT_EQ(back.out, "mine running, version 1.0.0, 3 tools\n") << back.err;
  EXPECT_EQ(who(), "1.0.0 plain\n");
  EXPECT_EQ(versions(), "1* 2");
  auto none = brig({"rollback", "mine"});
  EXPECT_NE(none.code, 0);
  EXPECT_THAT(none.err, HasSubstr("no version before"));
  EXPECT_THAT(brig({"rollback", "mine", "--to", "7"}).err, HasSubstr("no version 7"));
  brigd.kill_hard();
  brigd.start();
  EXPECT_EQ(said("who"), "1.0.0 plain\n");
  EXPECT_EQ(versions(), "1* 2");

  // A version is whole: its variables with its code.
  write("4.0.0");
  EXPECT_EQ(deploy_versions({"--env", "FLAVOUR=sour"}).code, 0);
  EXPECT_EQ(who(), "4.0.0 sour\n");
  EXPECT_EQ(versions(), "1 2 3*");
  EXPECT_EQ(brig({"rollback", "mine", "--to", "2"}).code, 0);
  EXPECT_EQ(who(), "2.0.0 plain\n");
  EXPECT_EQ(show("mine")["config"].value("env", json::object()), json::object());
  EXPECT_EQ(brig({"rollback", "mine", "--to", "3"}).code, 0);
  EXPECT_EQ(who(), "4.0.0 sour\n");
}

TEST_F(Versions, AreLeftAsTheyWereByAKillInTheMiddle) {
  write("1.0.0");
  ASSERT_EQ(deploy_versions().code, 0);
  write("2.0.0", {{"slow", true}});
  auto updating =
      harness::Child::spawn(brigd.command({"service", "update", "mine", "--mesh", "acme"}), brigd.options());
  ASSERT_TRUE(updating);
  eventually([&] { return sandboxes() == 2; }, "the new one is being started");
  brigd.kill_hard();
  auto told = updating->wait();
  EXPECT_TRUE(told && *told != 0);
  brigd.start();
  EXPECT_EQ(said("who"), "1.0.0 plain\n");
  eventually([&] { return sandboxes() == 1; }, "the new one is gone");
  EXPECT_EQ(versions(), "1*");
  // The old one dies while the new one is on its way.
  auto again = std::async(std::launch::async, [&] { return brig({"update", "mine"}); });
  eventually([&] { return sandboxes() == 2; }, "the new one is being started");
  EXPECT_NE(call("put", {{"name", "open"}, {"exit", true}}).code, 0);
  EXPECT_EQ(again.get().out, "mine running, version 2.0.0, 3 tools\n");
  EXPECT_EQ(said("who"), "2.0.0 plain\n");
  eventually([&] { return sandboxes() == 1; }, "the old one is gone");
}

TEST_F(Versions, TellTheirLogsAsTheyGrow) {
  write("1.0.0");
  ASSERT_EQ(deploy_versions().code, 0);
  auto piped = brigd.options();
  piped.pipe_out = true;
  auto follower =
      harness::Child::spawn(brigd.command({"service", "logs", "mine", "-f", "--mesh", "acme"}), piped);
  ASSERT_TRUE(follower);
  std::string said;
  auto hears = [&](const std::string& text) {
    char some[4096];
    while (said.find(text) == said.npos) {
      auto got = ::read(follower->out.get(), some, sizeof some);
      if (got <= 0) break;
      said.append(some, static_cast<std::size_t>(got));
    }
    return said.find(text) != said.npos;
  };
  EXPECT_TRUE(hears("hello from 1.0.0 plain"));
  write("2.0.0");
  ASSERT_EQ(brig({"update", "mine"}).code, 0);
  EXPECT_TRUE(hears("hello from 2.0.0 plain")) << said;
  ASSERT_EQ(brig({"rm", "mine"}).code, 0);
  auto ended = follower->wait();
  ASSERT_TRUE(ended);
  EXPECT_EQ(*ended, 0);
}

}  // namespace
}  // namespace brig::test
