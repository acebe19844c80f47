// The private engine itself: it runs containers, and leaves nothing behind however its owner or its keeper
// ends.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <thread>

#include "harness/child.hpp"
#include "harness/engine.hpp"

namespace brig::harness {
namespace {

namespace fs = std::filesystem;

// As long as a keeper may take: an overlay's unmount writes out whatever else the machine has to write.
bool eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(6);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

// What can be read of it: a process may end in between, and then its files say so with an error.
std::string slurp(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text;
  char block[4096];
  while (in.read(block, sizeof block) || in.gcount() > 0)
    text.append(block, static_cast<std::size_t>(in.gcount()));
  return text;
}

bool is_number(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// What still speaks of the engine in `dir`: live processes by command line or cgroup, mounts, cgroups, files.
std::vector<std::string> remains(const fs::path& dir) {
  const std::string name = dir.filename().string();
  std::vector<std::string> found;
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator("/proc", ec)) {
    if (!is_number(entry.path().filename().string())) continue;
    const std::string status = slurp(entry.path() / "status");
    if (status.empty() || status.find("State:\tZ") != std::string::npos) continue;
    for (const char* file : {"cmdline", "cgroup", "mountinfo"}) {
      if (slurp(entry.path() / file).find(name) != std::string::npos) {
        found.push_back("process " + entry.path().filename().string() + " (" + file + ")");
      }
    }
  }
  for (const auto& hierarchy : fs::directory_iterator("/sys/fs/cgroup", ec)) {
    if (fs::exists(hierarchy.path() / name, ec)) found.push_back((hierarchy.path() / name).string());
  }
  if (fs::exists(dir, ec)) found.push_back(dir.string());
  return found;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += word + "\n";
  return out;
}

// Starts a container that stays, with each of the runtimes.
void start_containers(const Engine& engine) {
  const auto image = engine.ensure_image("brig-test/busybox");
  ASSERT_TRUE(image) << image.error().message;
  for (const std::string runtime : {"runc", "crun", "runsc"}) {
    const auto created = engine.request(
        "POST", "/v1.41/containers/create?name=" + runtime,
        R"({"Image":"brig-test/busybox","Cmd":["/bin/sleep","1000"],"HostConfig":{"NetworkMode":"none","Runtime":")" +
            runtime + R"("}})");
    ASSERT_TRUE(created) << created.error().message;
    const auto started = engine.request("POST", "/v1.41/containers/" + runtime + "/start");
    ASSERT_TRUE(started) << started.error().message;
  }
}

// An engine whose owner is a process we may kill.
struct Owned {
  Child owner;
  fs::path dir;
};
Result<Owned> start_owned() {
  SpawnOptions options;
  options.pipe_out = true;
  BRIG_TRY(Child owner, Child::spawn({"/bin/sh", "-c", "\"$0\" up --owner $$ && exec sleep 1000",
                                      BRIG_TEST_ENGINE_PROGRAM},
                                     options));
  std::string line;
  for (char c; ::read(owner.out.get(), &c, 1) == 1 && c != '\n';) line += c;
  if (line.empty()) return Error{Code::unavailable, "the engine did not start", "test", false};
  return Owned{std::move(owner), line};
}

pid_t keeper_of(const fs::path& dir) {
  return static_cast<pid_t>(std::strtol(slurp(dir / "keeper.pid").c_str(), nullptr, 10));
}

TEST(Harness, RunsContainersWithEveryRuntime) {
  auto engine = Engine::start();
  ASSERT_TRUE(engine) << engine.error().message;
  const auto image = engine->ensure_image("brig-test/busybox");
  ASSERT_TRUE(image) << image.error().message;
  for (const std::string runtime : {"runc", "crun", "runsc"}) {
    const auto done = run(engine->inside({"docker", "run", "--rm", "--network=none", "--read-only",
                                          "--runtime", runtime, "brig-test/busybox", "id", "-u"}));
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(done->out, "0\n") << runtime << ": " << done->err;
  }
  const fs::path dir = engine->dir();
  engine->stop();
  EXPECT_TRUE(remains(dir).empty()) << joined(remains(dir));
}

TEST(Harness, LeavesNothingWhenTheOwnerIsKilled) {
  auto owned = start_owned();
  ASSERT_TRUE(owned) << owned.error().message;
  auto engine = Engine::attach(owned->dir);
  ASSERT_TRUE(engine) << engine.error().message;
  start_containers(*engine);
  ASSERT_FALSE(remains(owned->dir).empty());
  owned->owner.kill(SIGKILL);
  EXPECT_TRUE(eventually([&] { return remains(owned->dir).empty(); })) << joined(remains(owned->dir));
}

TEST(Harness, LeavesOnlyFilesWhenOwnerAndKeeperAreKilled_AndTheNextSweepTakesThem) {
  auto owned = start_owned();
  ASSERT_TRUE(owned) << owned.error().message;
  auto engine = Engine::attach(owned->dir);
  ASSERT_TRUE(engine) << engine.error().message;
  start_containers(*engine);
  ::kill(keeper_of(owned->dir), SIGKILL);
  owned->owner.kill(SIGKILL);
  const auto alive = [&] {
    const auto left = remains(owned->dir);
    return std::any_of(left.begin(), left.end(),
                       [](const auto& what) { return what.starts_with("process"); });
  };
  EXPECT_TRUE(eventually([&] { return !alive(); })) << joined(remains(owned->dir));
  const auto swept = run({BRIG_TEST_ENGINE_PROGRAM, "sweep"});
  ASSERT_TRUE(swept) << swept.error().message;
  // Another's sweep may have come first, and be at it still.
  EXPECT_TRUE(eventually([&] { return remains(owned->dir).empty(); })) << joined(remains(owned->dir));
}

TEST(Harness, SweepLeavesLivingEnginesAlone) {
  auto engine = Engine::start();
  ASSERT_TRUE(engine) << engine.error().message;
  const auto swept = run({BRIG_TEST_ENGINE_PROGRAM, "sweep"});
  ASSERT_TRUE(swept) << swept.error().message;
  EXPECT_TRUE(engine->request("GET", "/_ping"));
}

TEST(Harness, StartsTheDaemonAgainUnlessHeld) {
  auto engine = Engine::start();
  ASSERT_TRUE(engine) << engine.error().message;
  const auto before = engine->daemon_pid();
  ASSERT_TRUE(before);
  ASSERT_TRUE(engine->hold(true));
  const auto killed = run(engine->inside({"kill", "-9", std::to_string(*before)}));
  ASSERT_TRUE(killed && killed->code == 0);
  ASSERT_TRUE(eventually([&] { return !engine->request("GET", "/_ping"); }));
  ASSERT_TRUE(engine->hold(false));
  const auto ready = engine->wait_ready();
  ASSERT_TRUE(ready) << ready.error().message;
  const auto after = engine->daemon_pid();
  ASSERT_TRUE(after);
  EXPECT_NE(*after, *before);
}

TEST(Harness, ExecPassesOnHowTheCommandEnded) {
  auto engine = Engine::start();
  ASSERT_TRUE(engine) << engine.error().message;
  const auto done = run(
      engine->inside({"sh", "-c", "readlink /proc/self/ns/pid; echo $DOCKER_HOST; cat; exit 7"}), "input");
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->code, 7);
  EXPECT_NE(done->out.find(engine->docker_host()), std::string::npos);
  EXPECT_TRUE(done->out.ends_with("input"));
  EXPECT_FALSE(done->out.starts_with(fs::read_symlink("/proc/self/ns/pid").string())) << done->out;
}

}  // namespace
}  // namespace brig::harness
