// `brig stats` and `brig top`, the real program.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "brig_process.hpp"
#include "fake_brigd.hpp"

namespace brig::cli::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr const char* kEntered = "\x1b[?1049h";
constexpr const char* kLeft = "\x1b[?1049l";

// Two sessions; with each look the first has used half a CPU since the one before.
class Usage : public testing::Test {
 protected:
  void SetUp() override {
    brigd.on("GET /v1/stats", [this](const FakeRequest&) {
      ++looks;
      json sessions = json::array();
      for (const char* name : {"busy", "quiet"}) {
        bool busy = std::string_view(name) == "busy";
        sessions.push_back({{"id", std::string("id-") + name},
                            {"name", name},
                            {"owner", "uid:1000"},
                            {"state", busy ? "running" : "paused"},
                            {"reason", busy ? "" : "paused by uid:1000"},
                            {"provider", "shell"},
                            {"created", "2026-01-01T00:00:00.000Z"},
                            {"at_us", 1'000'000 * looks},
                            {"cpu_us", busy ? 500'000 * looks : 0},
                            {"cpus", 2},
                            {"memory", {{"used", busy ? 20 << 20 : 1 << 20}, {"limit", 1 << 30}}},
                            {"processes", 1},
                            {"attached", 0}});
      }
      return FakeAnswer{200, json{{"sessions", sessions}}.dump()};
    });
  }
  std::unique_ptr<BrigProcess> top(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"top", "--interval", "200ms"});
    BrigOptions options;
    options.terminal = true;
    auto out = std::make_unique<BrigProcess>(brigd.host(), std::move(more), options);
    EXPECT_TRUE(out->wait_output("0.50"));
    return out;
  }
  bool is_restored(const BrigProcess& brig) {
    auto t = brig.terminal();
    return (t.c_lflag & (ICANON | ECHO | ISIG)) == (ICANON | ECHO | ISIG);
  }
  std::atomic<std::uint64_t> looks{0};
  FakeBrigd brigd;
};

TEST_F(Usage, IsPrintedOnce) {
  auto table = brig(brigd.host(), {"stats"});
  EXPECT_EQ(table.code, 0) << table.err;
  EXPECT_THAT(table.out, HasSubstr("busy"));
  EXPECT_THAT(table.out, HasSubstr("0.50/2.00"));
  EXPECT_THAT(table.out, HasSubstr("20.0 MiB/1.0 GiB"));
  auto both = brig(brigd.host(), {"top", "--once", "--json", "--mesh", "a b"});
  EXPECT_EQ(both.code, 0) << both.err;
  auto all = json::parse(both.out);
  EXPECT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0]["name"], "busy");
  EXPECT_DOUBLE_EQ(all[0]["cpu"], 0.5);
  EXPECT_EQ(brigd.wait_request("GET /v1/stats").query, "");
  EXPECT_EQ(brigd.requests().back().query, "mesh=a%20b");
  EXPECT_EQ(json::parse(brig(brigd.host(), {"stats", "--json", "id-quiet"}).out).size(), 1u);
}

TEST_F(Usage, OfNothingIsRefusedWithARemedy) {
  auto unknown = brig(brigd.host(), {"stats", "other"});
  EXPECT_EQ(unknown.code, 66);
  EXPECT_THAT(unknown.err, HasSubstr("'brig ps' lists"));
  EXPECT_THAT(brig(brigd.host(), {"stats", "--sort", "memry"}).err, HasSubstr("memory"));
  auto piped = brig(brigd.host(), {"top"});
  EXPECT_EQ(piped.code, 64);
  EXPECT_THAT(piped.err, HasSubstr("--once"));
  EXPECT_THAT(brig(brigd.host(), {"top", "--json"}).err, HasSubstr("--once"));
}

TEST_F(Usage, FillsTheScreenAndGivesItBack) {
  auto brig = top();
  EXPECT_FALSE(is_restored(*brig));
  EXPECT_TRUE(brig->wait_output("2 sessions, 1 running"));
  brig->resize(10, 200);
  EXPECT_TRUE(brig->wait_output("PROJECT"));
  brig->write("q");
  EXPECT_EQ(brig->wait(), 0);
  EXPECT_TRUE(is_restored(*brig));
  auto all = brig->output();
  EXPECT_LT(all.find(kEntered), all.find(kLeft));
  EXPECT_TRUE(all.ends_with(kLeft)) << all.substr(all.size() - 40);
}

TEST_F(Usage, GivesTheScreenBackHoweverItEnds) {
  for (int number : {SIGTERM, SIGHUP, SIGSEGV}) {
    auto brig = top();
    ::kill(brig->pid(), number);
    EXPECT_EQ(brig->wait(), -number);
    EXPECT_TRUE(is_restored(*brig)) << number;
    EXPECT_THAT(brig->output(), HasSubstr(kLeft)) << number;
  }
  auto brig = top();
  brig->write("\x03");
  EXPECT_EQ(brig->wait(), 130);
  EXPECT_TRUE(is_restored(*brig));
}

TEST_F(Usage, FiltersSortsAndStops) {
  brigd.on("POST /v1/sessions/id-quiet/stop",
           [](const FakeRequest&) { return problem(409, "conflict", "it cannot be stopped now"); });
  auto brig = top();
  brig->write("/qui");
  ASSERT_TRUE(brig->wait_output("filter: qui_"));
  brig->write("\r");
  ASSERT_TRUE(brig->wait_output("(1 hidden)"));
  brig->write("x");
  ASSERT_TRUE(brig->wait_output("stop quiet?"));
  brig->write("y");
  brigd.wait_request("POST /v1/sessions/id-quiet/stop");
  ASSERT_TRUE(brig->wait_output("stopping quiet: brig: it cannot be stopped now"));
  brig->write("p");
  brigd.wait_request("POST /v1/sessions/id-quiet/resume");
  brig->write("q");
  EXPECT_EQ(brig->wait(), 0);
}

TEST_F(Usage, LeavesTheScreenToASessionAndComesBack) {
  brigd.process().write(1, "hello from inside");
  auto brig = top();
  brig->write("l");
  ASSERT_TRUE(brig->wait_output("hello from inside"));
  EXPECT_TRUE(is_restored(*brig));
  brigd.process().end_with(0);
  ASSERT_TRUE(brig->wait_output("[enter goes back to brig top]"));
  auto before = looks.load();
  brig->write("\n");
  while (looks.load() == before) std::this_thread::yield();
  brig->write("q");
  EXPECT_EQ(brig->wait(), 0);
  EXPECT_TRUE(is_restored(*brig));
}

TEST_F(Usage, OutlivesTheService) {
  auto brig = top();
  brigd.kill();
  ASSERT_TRUE(brig->wait_output("brigd is not running"));
  brigd.restart();
  auto before = looks.load();
  while (looks.load() < before + 2) std::this_thread::yield();
  brig->write("q");
  EXPECT_EQ(brig->wait(), 0);
}

}  // namespace
}  // namespace brig::cli::test
