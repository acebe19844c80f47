// kill -9 at awkward moments, and what is found afterwards.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
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
  // First, because it has the pen of what runs on: who asks for it as well would be refused.
  EXPECT_EQ(watcher.finish(), 5);
  EXPECT_TRUE(watcher.text() == expected) << watcher.size() << " bytes for " << expected.size();
  for (const auto& name : names) {
    auto seen = brigd.brig({"attach", name, "--from", "start"});
    EXPECT_EQ(seen.code, 5) << name << ": " << seen.err;
    EXPECT_TRUE(seen.out == expected) << name << ": " << seen.out.size() << " bytes for " << expected.size();
  }
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

// Two hundred sessions are begun, ten at a time, while others are stopped, removed and paused, and brigd is
// killed at a random point of it all, again and again. Whatever was answered holds; whatever was not is one
// thing or the other, whole.
class Storm {
 public:
  enum class Fate { running, ended, removed };

  explicit Storm(Brigd& brigd) : brigd_(brigd) {}

  void round(int number) {
    std::vector<std::thread> hands;
    const int over = over_;
    for (int i = 0; i < kAtOnce; ++i) {
      auto name = "s-" + std::to_string(number) + "-" + std::to_string(i);
      // Some with a disk of their own, which is a loop device.
      hands.emplace_back([this, name, disk = i % 5 == 0] {
        begin(name, disk);
        ++over_;
        over_.notify_all();
      });
    }
    for (const auto& name : victims()) {
      auto what = random_() % 3;
      hands.emplace_back([this, name, what] { disturb(name, what); });
    }
    // At a point of what was answered, not of time: on a slow machine as good as on a fast one.
    auto enough = over + static_cast<int>(random_() % (kAtOnce + 1));
    for (int now = over_; now < enough; now = over_) over_.wait(now);
    brigd_.kill_hard();
    for (auto& hand : hands) hand.join();
    brigd_.start();
  }

  // What was answered, against what is there.
  void check() {
    std::map<std::string, std::string> states;
    for (const auto& session : brigd_.sessions()) states[session["name"]] = session["state"];
    for (const auto& [name, fate] : answered_) {
      auto it = states.find(name);
      bool there = it != states.end();
      bool unsure = asked_.contains(name);  // more was asked of it, and not answered
      if (fate == Fate::removed) {
        EXPECT_FALSE(there) << name << " was removed and is back, " << it->second;
      } else if (!unsure) {
        ASSERT_TRUE(there) << name << " was acknowledged and is gone";
        EXPECT_EQ(it->second == "ended", fate == Fate::ended)
            << name << ", which " << (fate == Fate::ended ? "was stopped" : "runs") << ", is " << it->second;
      }
    }
  }
  std::size_t acknowledged() const { return answered_.size(); }
  bool acknowledged(const std::string& name) const { return answered_.contains(name); }

  static constexpr int kAtOnce = 10;

 private:
  bool brig(std::vector<std::string> args) {
    auto options = brigd_.options();
    options.env.push_back({"BRIG_RECONNECT", "0"});
    auto done = harness::run(brigd_.command(std::move(args)), {}, options);
    return done && done->code == 0;
  }
  void begin(const std::string& name, bool disk) {
    std::vector<std::string> args = {"run", "box", "--name", name, "--empty", "-d"};
    if (disk) args.insert(args.end(), {"--disk", "16M"});
    args.insert(args.end(), {"--", "sleep", "1000"});
    if (!brig(args)) return;
    std::lock_guard lock(mutex_);
    answered_[name] = Fate::running;
  }
  void disturb(const std::string& name, unsigned long what) {
    {
      std::lock_guard lock(mutex_);
      if (what != 2) asked_.insert(name);
    }
    std::vector<std::string> args = {"stop", "--grace", "0s", name};
    if (what == 1) args = {"rm", "-f", name};
    if (what == 2) args = {"pause", name};
    if (!brig(args) || what == 2) return;
    std::lock_guard lock(mutex_);
    answered_[name] = what == 0 ? Fate::ended : Fate::removed;
    asked_.erase(name);
  }
  // Half of what began.
  std::vector<std::string> victims() {
    std::vector<std::string> out;
    std::lock_guard lock(mutex_);
    for (const auto& [name, fate] : answered_)
      if (fate == Fate::running && !asked_.contains(name)) out.push_back(name);
    std::shuffle(out.begin(), out.end(), random_);
    out.resize(std::min<std::size_t>(out.size(), kAtOnce / 2));
    return out;
  }

  Brigd& brigd_;
  std::mt19937 random_{5};
  std::atomic<int> over_{0};  // beginnings that were answered, or never will be
  std::mutex mutex_;
  std::map<std::string, Fate> answered_;
  std::set<std::string> asked_;
};

TEST(Crash, TwoHundredSessionsAndNothingIsOrphanedAndEveryAnswerHolds) {
  Brigd brigd;
  Storm storm(brigd);
  for (int round = 0; round < 200 / Storm::kAtOnce; ++round) {
    storm.round(round);
    if (testing::Test::HasFailure()) return;
  }
  storm.check();
  EXPECT_GT(storm.acknowledged(), 20u);  // else the kills came too soon to tell anything
  std::vector<std::thread> hands;
  std::mutex mutex;
  auto all = brigd.sessions();
  std::size_t next = 0;
  for (int i = 0; i < 4; ++i) {
    hands.emplace_back([&] {
      for (;;) {
        nlohmann::json session;
        {
          std::lock_guard lock(mutex);
          if (next >= all.size()) return;
          session = all[next++];
        }
        auto done = brigd.brig({"rm", "-f", session["id"]});
        // What was never acknowledged may be taken back at this very moment.
        bool gone = done.code == 66 && !storm.acknowledged(session["name"].get<std::string>());
        EXPECT_TRUE(done.code == 0 || gone) << done.code << ": " << done.err << session.dump(1);
      }
    });
  }
  for (auto& hand : hands) hand.join();
  brigd.expect_nothing_left();
}

TEST(Crash, AnEngineThatIsKilledTakesNothingOfOursWithIt) {
  Brigd brigd;
  ASSERT_EQ(brigd.brig({"run", "box", "--name", "a", "--empty", "-d", "--", "sleep", "1000"}).code, 0);
  // What an identity keeps is found again as well.
  ASSERT_EQ(brigd.brig({"run", "kit", "--rm", "--empty", "--", "sh", "-c", "echo here > ~/.kit/mark"}).code,
            0);
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
  auto kept = brigd.brig({"run", "kit", "--rm", "--empty", "--", "cat", "/home/agent/.kit/mark"});
  EXPECT_EQ(kept.out, "here\n") << kept.err;
  auto removed = brigd.brig({"rm", "-f", "a"});
  EXPECT_EQ(removed.code, 0) << removed.err;
  brigd.expect_nothing_left();
}

}  // namespace
}  // namespace brig::test
