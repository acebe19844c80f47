#include "mcp/json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace brig::mcp::json {
namespace {

TEST(Json, TakesWhatTheGrammarHas) {
  for (std::string text : {"{}", "[]", "0", "-0", "1e400", "-1.5E+3", "18446744073709551616", R"("")",
                           R"("\u0000\ud800\/")", "true", "false", "null", " { \"a\" : [ 1 , { } ] } ",
                           "\t\r\n1\n", R"({"a":1,"a":2})", "\"\x7f\"", "\"\u20ac\""})
    EXPECT_TRUE(check(text)) << text;
  EXPECT_TRUE(check(std::string(kMaxDepth, '[') + std::string(kMaxDepth, ']')));
}

TEST(Json, RefusesAllElse) {
  for (std::string text : {"",
                           " ",
                           "{",
                           "}",
                           "[",
                           "[1,]",
                           "{,}",
                           R"({"a"})",
                           R"({"a":})",
                           R"({"a":1,})",
                           R"({a:1})",
                           "01",
                           "1.",
                           ".1",
                           "1e",
                           "+1",
                           "-",
                           "NaN",
                           "Infinity",
                           "-Infinity",
                           "undefined",
                           "tru",
                           "nulll",
                           "1 2",
                           "{} {}",
                           "'a'",
                           "\"a",
                           R"("\x")",
                           R"("\u12")",
                           R"("\u12g4")",
                           "\"\n\"",
                           "\"\x01\"",
                           "\"\xff\"",
                           "\"\xc0\x80\"",
                           "\"\xed\xa0\x80\"",
                           "/* */ 1",
                           "\xef\xbb\xbf{}",
                           "[1 2]",
                           R"({"a":1 "b":2})",
                           R"(["\)",
                           "[\"\\u"})
    EXPECT_FALSE(check(text)) << text;
  EXPECT_FALSE(check(std::string(kMaxDepth + 1, '[') + std::string(kMaxDepth + 1, ']')));
  EXPECT_FALSE(check(std::string(1'000'000, '[')));
  EXPECT_FALSE(check(std::string_view("\"\0\"", 3)));
}

TEST(Json, FindsMembersHoweverTheirNamesAreWritten) {
  EXPECT_EQ(find(R"({"x":{"id":1},"i\u0064" : [ 2 ] })", "id"), "[ 2 ]");
  EXPECT_EQ(find(R"({"id":1,"id":2})", "id"), std::nullopt);
  EXPECT_EQ(find(R"({"id":1})", "ID"), std::nullopt);
  EXPECT_EQ(find(R"(["id"])", "id"), std::nullopt);
  EXPECT_EQ(find("{}", "id"), std::nullopt);
  EXPECT_EQ(find_text(R"({"a":"\"x\"\n\u20AC\ud83d\ude00"})", "a"), "\"x\"\n\u20ac\U0001F600");
  EXPECT_EQ(find_text(R"({"a":7})", "a"), std::nullopt);
}

TEST(Json, KnowsHalfASurrogatePairForNoText) {
  for (std::string value :
       {R"("\ud800")", R"("\ud800x")", R"("\udc00")", R"("\ud800\u0041")", R"("\ud800\n12345")"})
    EXPECT_EQ(text(value), std::nullopt) << value;
}

TEST(Json, RefusesNamesThatSomeReaderTakesForOneAnother) {
  EXPECT_TRUE(members(R"({"a":1,"b":2})"));
  for (std::string object :
       {R"({"a":1,"a":2})", R"({"a":1,"A":2})", R"({"a":1,"\u0061":2})", R"({"a":1,"b":2,"\u0041":3})"})
    EXPECT_FALSE(members(object)) << object;
  EXPECT_FALSE(members("[]"));
  EXPECT_FALSE(members(R"({"a":1,"b":2})", 1));
  EXPECT_FALSE(elements("[1,2]", 1));
  EXPECT_THAT(*elements(" [ 1 , [2] ,{} ] ", 3), ::testing::ElementsAre("1", "[2]", "{}"));
  EXPECT_TRUE(elements("[]", 0)->empty());
}

TEST(Json, ReadsWhatIsWholeOfWhatIsBroken) {
  auto names = [](std::string_view text) {
    std::string out;
    for (const auto& member : leading_members(text))
      out += std::string(member.key) + std::string(member.value) + " ";
    return out;
  };
  EXPECT_EQ(names(R"({"id":1,"result":{"n":NaN}})"), "\"id\"1 ");
  EXPECT_EQ(names(R"({"id":12)"), "");  // perhaps the beginning of 123
  EXPECT_EQ(names(R"({"id":12 )"), "");
  EXPECT_EQ(names(R"({"id":12,)"), "\"id\"12 ");
  EXPECT_EQ(names(R"({"id":12})"), "\"id\"12 ");
  EXPECT_EQ(names("nonsense"), "");
}

TEST(Json, ChangesOneMemberAndNothingElse) {
  EXPECT_EQ(with_member(R"({ "b":1e400, "t" : "x" ,"a":-0})", "t", "7"), R"({ "b":1e400, "t" : 7 ,"a":-0})");
  EXPECT_EQ(with_member(R"({"\u0074":1})", "t", "7"), R"({"\u0074":7})");
  EXPECT_EQ(with_member("{}", "t", "7"), R"({"t":7})");
  EXPECT_EQ(with_member(" { } ", "t", "7"), R"({"t":7 })");
  EXPECT_EQ(with_member(R"({"a":1})", "t", "7"), R"({"t":7,"a":1})");
  EXPECT_EQ(one_line("{\r\n\"a\\n\":1}"), "{  \"a\\n\":1}");
}

TEST(Json, WritesStringsThatReadBack) {
  std::string all;
  for (int c = 0; c < 128; ++c) all += static_cast<char>(c);
  all += "\u20ac\U0001F600";
  auto written = literal(all);
  EXPECT_TRUE(check(written));
  EXPECT_EQ(text(written), all);
  EXPECT_EQ(literal("a\xff\xfe"
                    "b"),
            "\"a\uFFFD"
            "b\"");
}

}  // namespace
}  // namespace brig::mcp::json
