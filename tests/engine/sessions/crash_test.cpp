// kill -9 at awkward moments, and what is found afterwards.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "brigd.hpp"
#include "core/files.hpp"
#include "core/text.hpp"

namespace brig::test {
namespace {

constexpr int kLast = 20'000;

// Prints 1 … kLast, in bursts with pauses, so that a kill falls into both.
const std::string kCount =
    "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo $i; [ $((i % 2000)) = 0 ] && sleep 0.2; done; exit 5";

// A `brig` whose output is collected, and whose input is fed, while the test does other things.
class Watched {
 public:
  Watched(const Brigd& brigd, std::vector<std::string> args, std::string input = {}) {
    auto options = brigd.options();
    options.pipe_out = true;
    options.pipe_in = !input.empty();
    auto child = harness::Child::spawn(brigd.command(std::move(args)), options);
    EXPECT_TRUE(child);
    child_.emplace(std::move(*child));
    reader_ = std::thread([this] { read(); });
    if (!input.empty()) writer_ = std::thread([this, input = std::move(input)] { write(input); });
  }
  ~Watched() { finish(); }

  std::size_t size() const {
    std::lock_guard lock(mutex_);
    return text_.size();
  }
  std::string text() const {
    std::lock_guard lock(mutex_);
    return text_;
  }
  int finish() {
    if (writer_.joinable()) writer_.join();
    if (reader_.joinable()) reader_.join();
    auto code = child_->wait();
    return code ? *code : -1;
  }

 private:
  void read() {
    char buffer[65536];
    ssize_t n = 0;
    while ((n = ::read(child_->out.get(), buffer, sizeof buffer)) > 0) {
      std::lock_guard lock(mutex_);
      text_.append(buffer, static_cast<std::size_t>(n));
    }
  }
  void write(std::string_view rest) {
    while (!rest.empty()) {
      ssize_t n = ::write(child_->in.get(), rest.data(), rest.size());
      if (n <= 0) break;
      rest.remove_prefix(static_cast<std::size_t>(n));
    }
    child_->in.reset();
  }

  std::optional<harness::Child> child_;
  mutable std::mutex mutex_;
  std::string text_;
  std::thread reader_;
  std::thread writer_;
};

std::string expected_numbers() {
  std::string all;
  for (int i = 1; i <= kLast; ++i) all += std::to_string(i) + "\n";
  return all;
}

TEST(Crash, TenSessionsPrintEveryNumberOnceAcrossKills) {
  Brigd brigd;
  std::vector<std::string> names;
  for (int i = 0; i < 10; ++i) {
    names.push_back("count-" + std::to_string(i));
    auto started =
        brigd.brig({"run", "box", "--name", names.back(), "--empty", "-d", "--", "sh", "-c", kCount});
    ASSERT_EQ(started.code, 0) << started.err;
  }
  // One client stays attached through it all.
  Watched watcher(brigd, {"attach", names[0], "--from", "start"});
  eventually([&] { return watcher.size() > 0; }, "the client is attached");
  for (int round = 0; round < 3; ++round) {
    brigd.kill_hard();
    brigd.start();
  }
  std::string expected = expected_numbers();
  for (const auto& name : names) {
    auto seen = brigd.brig({"attach", name, "--from", "start"});
    EXPECT_EQ(seen.code, 5) << name << ": " << seen.err;
    EXPECT_TRUE(seen.out == expected) << name << ": " << seen.out.size() << " bytes for " << expected.size();
  }
  EXPECT_EQ(watcher.finish(), 5);
  EXPECT_TRUE(watcher.text() == expected) << watcher.size() << " bytes for " << expected.size();
  eventually(
      [&] {
        auto all = brigd.sessions();
        return std::all_of(all.begin(), all.end(), [](const auto& s) { return s["state"] == "ended"; });
      },
      "every session has ended");
  brigd.expect_nothing_left(names.size());
}

TEST(Crash, InputSurvivesToo) {
  Brigd brigd;
  std::mt19937 random(11);
  std::string input(8 << 20, 0);
  for (auto& c : input) c = static_cast<char>(random());
  Watched client(brigd, {"run", "box", "--name", "pipe", "--empty", "--", "sh", "-c", "cat; exit 4"}, input);
  for (int i = 1; i <= 2; ++i) {
    eventually([&] { return client.size() > input.size() / 4 * static_cast<std::size_t>(i); },
               "some of it came through");
    brigd.kill_hard();
    brigd.start();
  }
  EXPECT_EQ(client.finish(), 4);
  EXPECT_EQ(client.size(), input.size());
  EXPECT_TRUE(client.text() == input);
}

TEST(Crash, KilledWhileSessionsStartNothingIsOrphanedAndEveryAnswerHolds) {
  Brigd brigd;
  std::mt19937 random(5);
  std::vector<std::string> acknowledged;
  for (int round = 0; round < 8; ++round) {
    std::vector<std::thread> starters;
    std::mutex mutex;
    for (int i = 0; i < 3; ++i) {
      auto name = "s-" + std::to_string(round) + "-" + std::to_string(i);
      starters.emplace_back([&, name] {
        auto options = brigd.options();
        options.env.push_back({"BRIG_RECONNECT", "0"});
        auto started = harness::run(
            brigd.command({"run", "box", "--name", name, "--empty", "-d", "--", "sleep", "1000"}), {},
            options);
        if (started && started->code == 0) {
          std::lock_guard lock(mutex);
          acknowledged.push_back(name);
        }
      });
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 700));
    brigd.kill_hard();
    for (auto& starter : starters) starter.join();
    brigd.start();
  }
  auto all = brigd.sessions();
  for (const auto& name : acknowledged) {
    auto it = std::find_if(all.begin(), all.end(), [&](const auto& s) { return s["name"] == name; });
    ASSERT_NE(it, all.end()) << name << " was acknowledged and is gone";
    EXPECT_EQ((*it)["state"], "running") << it->dump();
  }
  for (const auto& session : all)
    EXPECT_EQ(brigd.brig({"rm", "-f", session["id"].get<std::string>()}).code, 0);
  brigd.expect_nothing_left();
}

TEST(Crash, AnEngineThatIsKilledTakesNothingOfOursWithIt) {
  Brigd brigd;
  ASSERT_EQ(brigd.brig({"run", "box", "--name", "a", "--empty", "-d", "--", "sleep", "1000"}).code, 0);
  auto pid = harness::Engine::shared().daemon_pid();
  ASSERT_TRUE(pid);
  ::kill(*pid, SIGKILL);
  ASSERT_TRUE(harness::Engine::shared().wait_ready());
  // Whether the engine found the container running or not, the session's state comes to say the same.
  eventually(
      [&] {
        auto all = brigd.sessions();
        return all.size() == 1 && (all[0]["state"] == "ended" || all[0]["state"] == "running");
      },
      "the session has a settled state");
  eventually(
      [&] {
        return brigd.brig({"run", "box", "--rm", "--empty", "--", "true"}).code == 0;
      },
      "sessions can be started again");
  EXPECT_EQ(brigd.brig({"rm", "-f", "a"}).code, 0);
  brigd.expect_nothing_left();
}

}  // namespace
}  // namespace brig::test
