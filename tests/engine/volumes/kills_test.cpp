// kill -9 of brigd, and of the engine, before every single step of a prune and of a restore: not a byte is
// lost that the plan did not name, and what it named comes back.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <random>

#include "brigd.hpp"
#include "core/files.hpp"
#include "harness/steps.hpp"

namespace brig::test {
namespace {

namespace fs = std::filesystem;
using harness::Engine;
using harness::Step;
using harness::Steps;
using nlohmann::json;

class Kills : public testing::Test {
 protected:
  Kills() : brigd("[volumes]\nsize = \"16 MiB\"\narchive_rate = \"1 GiB\"\n") {
    for (const char* name : {"one", "two", "pinned", "held"}) {
      auto made = brigd.brig({"volume", "create", name, "--json"});
      EXPECT_EQ(made.code, 0) << made.err;
      engine_name[name] = json::parse(made.out)["engine_name"];
      std::mt19937_64 random(engine_name.size());
      auto& content = contents[name];
      content.resize(100'000);
      for (auto& c : content) c = static_cast<char>(random());
      EXPECT_TRUE(write_file(file_of(name), content, 0644));
    }
    EXPECT_EQ(brigd.brig({"volume", "pin", "pinned"}).code, 0);
    auto held = brigd.brig({"run", "box", "-n", "past", "--empty", "-v", "held:/v", "--", "true"});
    EXPECT_EQ(held.code, 0) << held.err;
  }
  ~Kills() override { brigd.remove_volumes(); }

  fs::path file_of(const std::string& name) {
    return brigd.state() / "volumes" / engine_name[name] / "data" / "bytes";
  }
  // Where each is; "?" while it is half way.
  std::map<std::string, std::string> stages() {
    std::map<std::string, std::string> out;
    for (const char* option : {"--all", "--quarantined"}) {
      auto done = brigd.brig({"volume", "ls", option, "--json"});
      auto answer = json::parse(done.out, nullptr, false);
      for (const auto& one : answer.is_object() ? answer["volumes"] : answer)
        out[one["name"]] = one.value("stage", "");
    }
    return out;
  }
  // What was begun is ended, all of it is somewhere, and what is there is as it was; then it is all brought
  // back, and as it was.
  void expect_nothing_lost(const std::string& when) {
    std::map<std::string, std::string> at;
    eventually(
        [&] {
          at = stages();
          return at.size() == contents.size() && std::all_of(at.begin(), at.end(), [](const auto& one) {
                   return one.second.empty() || one.second == "quarantined";
                 });
        },
        "each is somewhere, after " + when, std::chrono::seconds(30));
    for (const char* name : {"pinned", "held"}) EXPECT_EQ(at[name], "") << when;
    for (const auto& [name, stage] : at) {
      if (stage.empty()) continue;
      auto back = brigd.brig({"volume", "restore", name});
      EXPECT_EQ(back.code, 0) << back.err << when;
    }
    for (const auto& [name, content] : contents) {
      auto is = read_file(file_of(name), 1 << 20);
      EXPECT_TRUE(is && *is == content) << name << " is not what it was, after " << when;
    }
  }
  harness::Child begin(std::vector<std::string> args) {
    auto options = brigd.options();
    options.pipe_out = options.pipe_err = true;
    auto child = harness::Child::spawn(brigd.command(std::move(args)), options);
    if (!child) std::abort();
    return std::move(*child);
  }
  std::vector<std::string> prune() { return {"volume", "prune", "--unused-for", "0s", "-y"}; }

  static std::string text_of(const Step& step) { return step.call + " of " + step.on; }
  // Before each step of what `args` does; `prepare` makes the world what it should be.
  void kill_at_each_step(const std::vector<std::string>& args, const std::function<void()>& prepare) {
    std::size_t at = 1;
    for (; !HasFailure(); ++at) {
      prepare();
      std::string killed;
      auto pid = brigd.pid();
      {
        Steps steps(pid, at, [&](const Step& step) {
          killed = text_of(step);
          ::kill(pid, SIGKILL);
        });
        auto child = begin(args);
        auto code = child.wait();
        ASSERT_TRUE(code);
        steps.end();
        if (killed.empty()) {
          EXPECT_EQ(*code, 0);
          break;  // it took fewer
        }
      }
      brigd.kill_hard();
      brigd.start();
      expect_nothing_lost(std::to_string(at) + ": " + killed);
    }
    std::printf("%zu steps\n", at - 1);
    EXPECT_GT(at, 15u) << "too few to be all";
    expect_nothing_lost("all");
  }

  Brigd brigd;
  std::map<std::string, std::string> engine_name, contents;
};

TEST_F(Kills, OfBrigdAtEachStepOfAPrune) {
  kill_at_each_step(prune(), [] {});
}

TEST_F(Kills, OfBrigdAtEachStepOfARestore) {
  kill_at_each_step({"volume", "restore", "one"}, [&] {
    EXPECT_EQ(brigd.brig({"volume", "rm", "one"}).code, 0);
  });
}

// Before each request that brigd has for it meanwhile.
TEST_F(Kills, OfTheEngineAtEachStep) {
  auto& engine = Engine::shared();
  auto asks = [&](const Step& step) { return step.call == "send" && step.on == engine.socket(); };
  std::size_t at = 1;
  for (; !HasFailure(); ++at) {
    std::string killed;
    {
      auto kill_engine = [&](const Step& step) {
        killed = text_of(step);
        auto daemon = engine.daemon_pid();
        if (!daemon) return;
        ::kill(*daemon, SIGKILL);
        while (::kill(*daemon, 0) == 0) std::this_thread::yield();
      };
      Steps steps(brigd.pid(), at, kill_engine, asks);
      auto child = begin(prune());
      ASSERT_TRUE(child.wait());
      steps.end();
    }
    auto ready = engine.wait_ready();
    ASSERT_TRUE(ready) << ready.error().message;
    if (killed.empty()) break;
    expect_nothing_lost("request " + std::to_string(at));
  }
  std::printf("%zu requests\n", at - 1);
  EXPECT_GT(at, 3u) << "too few to be all";
  expect_nothing_lost("all");
}

}  // namespace
}  // namespace brig::test
