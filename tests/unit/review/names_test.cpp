#include "review/names.hpp"

#include <gmock/gmock.h>

#include <random>

namespace brig::review {
namespace {

using ::testing::HasSubstr;

TEST(Names, AreSpelledSoThatNothingIsLost) {
  EXPECT_EQ(spelled("src/main.c"), "src/main.c");
  EXPECT_EQ(spelled("größe/文件"), "größe/文件");
  EXPECT_EQ(spelled("a\\b"), "a\\\\b");
  EXPECT_EQ(spelled("a\nb\x1b[31m\xff"), "a\\x0ab\\x1b[31m\\xff");
  EXPECT_EQ(spelled("gnp\xe2\x80\xaegpj"), "gnp\\xe2\\x80\\xaegpj") << "a mark that turns text around";
  EXPECT_EQ(spelled("cut\xe2\x80"), "cut\\xe2\\x80");
}

TEST(Names, ComeBackAsTheyWere) {
  std::mt19937 random(11);
  for (int i = 0; i < 5000; ++i) {
    std::string bytes;
    for (auto n = random() % 12; n > 0; --n) {
      auto c = static_cast<char>(random() % 3 ? random() % 255 + 1 : (random() % 2 ? '\\' : 'x'));
      bytes += c;
    }
    auto back = unspelled(spelled(bytes));
    ASSERT_TRUE(back);
    ASSERT_EQ(*back, bytes);
  }
}

TEST(Names, PathsThatAreNone) {
  EXPECT_EQ(*parse_path("./a//b/"), "a/b");
  EXPECT_EQ(*parse_path("."), "");
  EXPECT_EQ(*parse_path("\\xff"), "\xff");
  for (auto text : {"/etc", "a/../b", "..", "a\\", "a\\x4", "a\\x00", "a\\y"}) {
    auto refused = parse_path(text);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().code, Code::invalid);
    EXPECT_THAT(refused.error().message, HasSubstr("the path"));
  }
  EXPECT_FALSE(parse_path(std::string(5000, 'x')));
  EXPECT_FALSE(parse_path(std::string("a\0b", 3)));
}

TEST(Names, ASelectionIsWhatItNamesAndBelow) {
  Selection some({"src", "a/b"});
  EXPECT_TRUE(some.contains("src"));
  EXPECT_TRUE(some.contains("src/x/y"));
  EXPECT_FALSE(some.contains("src2"));
  EXPECT_FALSE(some.contains("a"));
  EXPECT_TRUE(some.leads_to("a"));
  EXPECT_FALSE(some.leads_to("b"));
  EXPECT_TRUE(Selection().contains("anything"));
  EXPECT_TRUE(Selection({""}).everything());
}

TEST(Names, AreQuotedForPatchesAsGitDoes) {
  EXPECT_EQ(quoted_by_git("a/b c"), "a/b c");
  EXPECT_EQ(quoted_by_git("a\tb"), "\"a\\tb\"");
  EXPECT_EQ(quoted_by_git("\xff\"\\\x01"), "\"\\377\\\"\\\\\\001\"");
}

}  // namespace
}  // namespace brig::review
