#include "config/table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace brig::config {
namespace {

using testing::HasSubstr;

TEST(Table, TheFirstErrorWinsAndAllAfterItReadsAsAbsent) {
  auto document = Document::parse("a = 1\nb = \"x\"\n", "f");
  ASSERT_TRUE(document);
  auto& top = (*document)->top();
  EXPECT_FALSE(top.text("a"));
  EXPECT_FALSE(top.text("b"));
  EXPECT_THAT((*document)->finish().error().message, HasSubstr("f:1: a is a number"));
}

TEST(Table, ListsAndPairsAreBounded) {
  auto document = Document::parse("l = [\"a\", \"b\", \"c\"]\n", "f");
  EXPECT_FALSE((*document)->top().texts("l", 2));
  EXPECT_TRUE((*document)->failed());
  document = Document::parse("[env]\nA = \"1\"\nB = \"2\"\n", "f");
  auto pairs = (*document)->top().pairs("env", 2);
  EXPECT_EQ(pairs.size(), 2u);
  EXPECT_TRUE((*document)->finish());
  document = Document::parse("[env]\nA = 1\n", "f");
  EXPECT_TRUE((*document)->top().pairs("env", 2).empty());
  EXPECT_THAT((*document)->finish().error().message, HasSubstr("'A' = 1"));
}

TEST(Table, AnUnknownKeyInANestedTableIsFound) {
  auto document = Document::parse("[a.b]\nc = 1\n", "f");
  (*document)->top().table("a").table("b").flag("d");
  EXPECT_THAT((*document)->finish().error().message, HasSubstr("f:2: unknown key 'c' in [a.b]"));
}

TEST(Table, DeepNestingIsRefusedNotFollowed) {
  auto document = Document::parse("a = " + std::string(100000, '['), "f");
  EXPECT_FALSE(document);
}

}  // namespace
}  // namespace brig::config
