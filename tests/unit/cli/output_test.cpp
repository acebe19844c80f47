#include "cli/output.hpp"

#include <gtest/gtest.h>

#include "cli/attach/attach.hpp"
#include "cli/table.hpp"
#include "core/text.hpp"

namespace brig::cli {
namespace {

TEST(Table, AlignsByWhatIsSeen) {
  Table table({"NAME", "STATE"});
  table.add({"a", "running"});
  table.add({"žluť", {"ended", Colour::red}});
  EXPECT_EQ(table.text(Style(false)), "NAME  STATE\na     running\nžluť  ended\n");
  std::string coloured = table.text(Style(true));
  EXPECT_NE(coloured.find("\x1b[31mended\x1b[0m"), std::string::npos);
}

TEST(Table, DisarmsTheTextOfStrangers) {
  Table table({"NAME", "B"});
  table.add({"x\x1b[2J\n"});
  std::string text = table.text(Style(false));
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(split(text, '\n').size(), 3u);
}

TEST(Table, KnowsWideCharacters) {
  EXPECT_EQ(display_width("abc"), 3u);
  EXPECT_EQ(display_width("日本"), 4u);
  EXPECT_EQ(display_width("e\xCC\x81"), 1u);
}

TEST(Style, PaintsOnlyWhenOn) {
  EXPECT_EQ(Style(false).paint(Colour::bold, "x"), "x");
  EXPECT_EQ(Style(true).paint(Colour::bold, "x"), "\x1b[1mx\x1b[0m");
  EXPECT_EQ(Style(true).paint(Colour::plain, "x"), "x");
}

TEST(Age, IsShort) {
  EXPECT_EQ(age("nonsense"), "");
  EXPECT_EQ(age("2999-01-01T00:00:00.000Z"), "0s");
  EXPECT_TRUE(age("2020-01-01T00:00:00.000Z").ends_with("d"));
}

TEST(Outcome, OfAStrangerIsBounded) {
  EXPECT_EQ(outcome_from_json({{"kind", "exited"}, {"exit_code", 7}}).exit_code, 7);
  EXPECT_EQ(outcome_from_json({{"kind", "exited"}, {"exit_code", 70000}}).exit_code, 125);
  EXPECT_EQ(outcome_from_json(nullptr).kind, "lost");
  EXPECT_EQ(outcome_from_json({{"kind", 5}}).exit_code, 125);
}

TEST(ReconnectLimit, IsInSeconds) {
  EXPECT_EQ(reconnect_limit([](const char*) { return std::optional<std::string>("5"); }), Millis{5000});
  EXPECT_EQ(reconnect_limit([](const char*) { return std::optional<std::string>(); }), Millis{60'000});
}

}  // namespace
}  // namespace brig::cli
