// What `brig top` makes of answers, keys and terminals of any size.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/table.hpp"
#include "cli/top/keys.hpp"
#include "cli/top/screen.hpp"

namespace brig::cli {
namespace {

using nlohmann::json;
using testing::HasSubstr;

json one(const std::string& name, std::uint64_t at, std::uint64_t cpu, std::uint64_t sent = 0) {
  return {{"id", "id-" + name},
          {"name", name},
          {"state", "running"},
          {"at_us", at},
          {"cpu_us", cpu},
          {"cpus", 2},
          {"memory", {{"used", 100U << 20}, {"limit", 1U << 30}}},
          {"tasks", {{"used", 3U}}},
          {"traffic", {{"sent", sent}, {"received", 0U}, {"open", 1U}, {"denied", 0U}, {"questions", 0U}}}};
}

TEST(Looks, TellRatesBetweenTwo) {
  Looks looks;
  auto first = looks.add({{"sessions", {one("a", 1'000'000, 5'000'000)}}});
  EXPECT_FALSE(first.at(0).cpu);
  EXPECT_FALSE(first.at(0).sent);
  EXPECT_EQ(first.at(0).memory.used, 100u << 20);
  auto second = looks.add({{"sessions", {one("a", 3'000'000, 6'000'000, 4096), one("b", 3'000'000, 7)}}});
  EXPECT_DOUBLE_EQ(second.at(0).cpu.value(), 0.5);
  EXPECT_DOUBLE_EQ(second.at(0).sent.value(), 2048);
  EXPECT_FALSE(second.at(1).cpu);
  // What was counted anew, as after another start, is no rate.
  auto third = looks.add({{"sessions", {one("a", 4'000'000, 10)}}});
  EXPECT_FALSE(third.at(0).cpu);
  EXPECT_FALSE(third.at(0).sent);
  // One that was gone meanwhile begins anew.
  looks.add({{"sessions", json::array()}});
  EXPECT_FALSE(looks.add({{"sessions", {one("a", 5'000'000, 20)}}}).at(0).cpu);
}

TEST(Looks, SurviveNonsense) {
  Looks looks;
  for (const auto& answer :
       {json(), json(5), json{{"sessions", 3}}, json{{"sessions", {1, "x", nullptr}}},
        json{{"sessions", {{{"name", 7}, {"at_us", -1}, {"memory", 3}, {"traffic", json::array()}}}}}}) {
    for (const auto& session : looks.add(answer)) EXPECT_EQ(session.name, "");
  }
}

std::vector<std::string> names(const std::vector<SessionUsage>& sessions) {
  std::vector<std::string> out;
  for (const auto& session : sessions) out.push_back(session.name);
  return out;
}

SessionUsage some(std::string name, std::optional<double> cpu, std::optional<std::uint64_t> memory) {
  SessionUsage out;
  out.id = out.name = std::move(name);
  out.state = "running";
  out.cpu = cpu;
  out.memory.used = memory;
  return out;
}

TEST(Usage, IsSortedByWhatIsAsked) {
  std::vector<SessionUsage> all{some("b", 0.5, 10), some("a", {}, {}), some("c", 2, 10)};
  sort_usage(all, UsageOrder::name);
  EXPECT_THAT(names(all), testing::ElementsAre("a", "b", "c"));
  sort_usage(all, UsageOrder::cpu);
  EXPECT_THAT(names(all), testing::ElementsAre("c", "b", "a"));
  sort_usage(all, UsageOrder::memory);
  EXPECT_THAT(names(all), testing::ElementsAre("b", "c", "a"));
  sort_usage(all, UsageOrder::memory, true);
  EXPECT_THAT(names(all), testing::ElementsAre("a", "c", "b"));
  for (const char* word : kUsageOrders) EXPECT_TRUE(usage_order(word)) << word;
  EXPECT_FALSE(usage_order("colour"));
  auto session = some("Fix-It", {}, {});
  session.project = "/srv/Shop";
  EXPECT_TRUE(usage_matches(session, "fix"));
  EXPECT_TRUE(usage_matches(session, "SHOP"));
  EXPECT_FALSE(usage_matches(session, "other"));
}

TEST(Screen, FitsEveryTerminal) {
  Screen screen;
  for (int i = 0; i < 40; ++i) screen.sessions.push_back(some("session-" + std::to_string(i), 0.25, 1 << 20));
  screen.sessions[3].name = "日本語の名前がとても長い\x1b[2J";
  screen.sessions[4].reason = std::string(500, 'x');
  screen.time = "12:00:00";
  for (const auto& style : {Style(false), Style(true)}) {
    for (WindowSize size : {WindowSize{24, 80}, WindowSize{1, 1}, WindowSize{3, 5}, WindowSize{50, 200},
                            WindowSize{24, 9}, WindowSize{5, 300}}) {
      for (std::size_t at : {0, 3, 4, 39}) {
        screen.selected = screen.sessions[at].id;
        scroll(screen, size);
        auto lines = draw(screen, size, style);
        ASSERT_EQ(lines.size(), size.rows);
        for (auto line : lines) {
          // Colours take no room.
          for (auto esc = line.find('\x1b'); esc != std::string::npos; esc = line.find('\x1b'))
            line.erase(esc, line.find('m', esc) - esc + 1);
          EXPECT_LE(display_width(line), size.cols) << size.cols << ": " << line;
        }
      }
    }
  }
}

TEST(Screen, ShowsTheSelectedOneAndWhatMatters) {
  Screen screen;
  for (int i = 0; i < 40; ++i) screen.sessions.push_back(some("session-" + std::to_string(i), 0.25, 1 << 20));
  screen.sessions[30].questions = 2;
  screen.selected = screen.sessions[30].id;
  WindowSize size{24, 80};
  scroll(screen, size);
  auto lines = draw(screen, size, Style(false));
  auto text = testing::PrintToString(lines);
  EXPECT_THAT(text, HasSubstr(">session-30"));
  EXPECT_THAT(lines[0], HasSubstr("40 sessions, 40 running   CPU 10.00   memory 40.0 MiB"));
  EXPECT_THAT(lines[0], HasSubstr("WAITING FOR YOUR WORD 2"));
  EXPECT_THAT(lines[1], HasSubstr("brig egress show session-30"));
  for (const char* title : {"NAME▾", "STATE", "CPU", "MEMORY", "TASKS", "DISK", "OUT", "IN"})
    EXPECT_THAT(lines[2], HasSubstr(title));
  EXPECT_EQ(lines[2].find("PROVIDER"), std::string::npos);
  EXPECT_THAT(draw(screen, {24, 200}, Style(false))[2], HasSubstr("PROVIDER"));
  EXPECT_THAT(lines.back(), HasSubstr("q quit"));
  // One that is gone: the first is selected, and nothing scrolls out of sight.
  screen.selected = "gone";
  scroll(screen, size);
  EXPECT_THAT(draw(screen, size, Style(false))[3], HasSubstr(">session-0"));
}

std::vector<Key> all(Keys& keys, bool quiet = false) {
  std::vector<Key> out;
  while (auto key = keys.next(quiet)) out.push_back(*key);
  return out;
}

TEST(Keys, AreToldApart) {
  Keys keys;
  keys.add("q\x1b[A\x1bOB\x1b[5~\x1b[99;9X\r\x7f\x03é\x01");
  EXPECT_THAT(all(keys),
              testing::ElementsAre(Key{Key::Kind::text, "q"}, Key{Key::Kind::up}, Key{Key::Kind::down},
                                   Key{Key::Kind::page_up}, Key{Key::Kind::enter}, Key{Key::Kind::backspace},
                                   Key{Key::Kind::interrupt}, Key{Key::Kind::text, "é"}));
  EXPECT_FALSE(keys.pending());
}

TEST(Keys, WaitForTheRestOfASequence) {
  Keys keys;
  keys.add("\x1b");
  EXPECT_FALSE(keys.next());
  EXPECT_TRUE(keys.pending());
  keys.add("[");
  EXPECT_FALSE(keys.next());
  keys.add("A");
  EXPECT_EQ(keys.next(), Key{Key::Kind::up});
  keys.add("\x1b");
  EXPECT_EQ(keys.next(true), Key{Key::Kind::escape});
  EXPECT_FALSE(keys.pending());
}

TEST(Keys, AreNotDrownedByAFlood) {
  Keys keys;
  for (int i = 0; i < 100; ++i) keys.add("\x1b[" + std::string(1000, ';'));
  EXPECT_TRUE(all(keys, true).size() < 5000);
  EXPECT_FALSE(keys.pending());
  keys.add(
      "\xff\xfe"
      "q");
  EXPECT_THAT(all(keys, true), testing::Contains(Key{Key::Kind::text, "q"}));
}

}  // namespace
}  // namespace brig::cli
