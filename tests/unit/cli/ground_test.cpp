#include "cli/attach/ground.hpp"

#include <gtest/gtest.h>

namespace brig::cli {
namespace {

bool between(std::string_view bytes) {
  Ground ground;
  ground.feed(bytes);
  return ground.reached();
}

TEST(Ground, IsBetweenThingsOnly) {
  for (std::string_view whole :
       {"", "text\r\n", "\x1b[31m", "\x1b[?1049h", "\x1b]0;title\a", "\x1b]0;title\x1b\\", "\x1b(B",
        "\x1b"
        "7",
        "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x9a\xa2", "\x1bPdata\x1b\\", "\x1b[31\x18", "\xff\xff x",
        "\x1b[\x1b[m"})
    EXPECT_TRUE(between(whole)) << testing::PrintToString(whole);
  for (std::string_view part : {"\x1b", "\x1b[", "\x1b[31", "\x1b[?1049", "\x1b]0;ti", "\x1b]0;title\x1b",
                                "\x1b(", "\xc3", "\xe2\x82", "\xf0\x9f\x9a", "\x1bPdata", "\x1b[\x1b"})
    EXPECT_FALSE(between(part)) << testing::PrintToString(part);
}

TEST(Ground, IsFoundAcrossPieces) {
  Ground ground;
  for (char c : std::string_view("a\x1b[3")) ground.feed({&c, 1});
  EXPECT_FALSE(ground.reached());
  ground.feed("1mred");
  EXPECT_TRUE(ground.reached());
}

}  // namespace
}  // namespace brig::cli
