// Which tools pass, and what becomes of those that change.
#include "service/tool_gate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace brig::service {
namespace {

using testing::ElementsAre;

constexpr const char* kTool =
    R"({"name":"a","description":"says a","inputSchema":{"type":"object","properties":{"x":{"type":"number","maximum":1e400}}},"annotations":{"readOnlyHint":true}})";

std::string print_of(std::string_view json) {
  auto text = canonical(json);
  return text ? fingerprint_of(*text) : std::string();
}

TEST(ToolGate, HasOneFingerprintForOneMeaning) {
  const char* same =
      R"( { "annotations" : {"readOnlyHint":true}, "n\u0061me":"\u0061", "inputSchema":
          {"properties":{"x":{"maximum":1e400,"type":"number"}}, "type":"object"} ,"description":"says a" } )";
  EXPECT_EQ(print_of(same), print_of(kTool));
  EXPECT_EQ(print_of(kTool).size(), 64u);
  const std::string tool = kTool;
  for (auto [was, is] : {std::pair{"says a", "says a."},
                         {R"("name":"a")", R"("name":"b")"},
                         {"number", "string"},
                         {"1e400", "1e401"},
                         {R"("readOnlyHint":true)", R"("readOnlyHint":false)"},
                         {R"("annotations":{"readOnlyHint":true})", R"("annotations":{})"},
                         {R"("description")", R"("title":"new","description")"}}) {
    auto changed = tool;
    changed.replace(changed.find(was), std::string(was).size(), is);
    EXPECT_NE(print_of(changed), print_of(kTool)) << is;
  }
}

TEST(ToolGate, DoesNotReadWhatMeansTwoThings) {
  for (const char* bad : {"", "{", R"({"a":1,"a":2})", R"({"a":{"b":1,"\u0062":2}})", R"([{"a":1,"a":1}])",
                          R"({"a":NaN})", R"({"a":1}x)"})
    EXPECT_FALSE(canonical(bad)) << bad;
  EXPECT_TRUE(canonical(R"({"properties":{"X":1,"x":2}})"));
  EXPECT_FALSE(canonical(std::string(200, '[') + std::string(200, ']')));
  auto twice =
      read_tools({{"a", R"({"name":"a"})"}, {"a", R"({"name":"a","x":1})"}, {"b", R"({"name":"b"})"}});
  EXPECT_TRUE(twice[0].fingerprint.empty());
  EXPECT_TRUE(twice[1].fingerprint.empty());
  EXPECT_FALSE(twice[2].fingerprint.empty());
}

TEST(ToolGate, ListsDenyBeforeTheyAllow) {
  struct Row {
    ToolLists lists;
    std::vector<std::string> pass;
  };
  const std::vector<std::string> tools = {"read", "read_all", "write", "Read", "*"};
  const Row rows[] = {{{}, tools},
                      {{{"read"}, {}}, {"read"}},
                      {{{"read*"}, {}}, {"read", "read_all"}},
                      {{{}, {"read*"}}, {"write", "Read", "*"}},
                      {{{"read*"}, {"read_all"}}, {"read"}},
                      {{{"write"}, {"write"}}, {}},
                      {{{"*"}, {"write"}}, {"read", "read_all", "Read", "*"}},
                      {{{}, {"*"}}, {}}};
  for (const auto& row : rows) {
    std::vector<std::string> pass;
    for (const auto& tool : tools)
      if (lets_through(row.lists, tool)) pass.push_back(tool);
    EXPECT_EQ(pass, row.pass) << to_json(row.lists);
    EXPECT_TRUE(check_lists(row.lists));
    EXPECT_EQ(lists_from_json(to_json(row.lists)), row.lists);
  }
  for (const ToolLists& bad :
       {ToolLists{{""}, {}}, ToolLists{{"a*b"}, {}}, ToolLists{{}, {"a\nb"}},
        ToolLists{{}, {std::string(129, 'a')}}, ToolLists{std::vector<std::string>(257, "a"), {}}})
    EXPECT_FALSE(check_lists(bad));
}

TEST(ToolGate, DamagedListsLetNothingThrough) {
  for (const char* damaged :
       {"", "null", "[]", "{}", R"({"allow":[]})", R"({"allow":[],"deny":"x"})", R"({"allow":[1],"deny":[]})",
        R"({"allow":["a*b"],"deny":[]})", R"({"allow":[],"deny":[],"more":[]})"})
    for (const char* tool : {"a", "", "*", "x"})
      EXPECT_FALSE(lets_through(lists_from_json(damaged), tool)) << damaged;
}

// Every way of pinning × what was approved × the lists.
TEST(ToolGate, WhatIsNotAsApprovedWaits) {
  auto tool = read_tools({{"a", kTool}})[0];
  const Pins none, same{{"a", tool.fingerprint}}, other{{"a", std::string(64, '0')}};
  struct Row {
    Pinning pinning;
    const Pins& pins;
    Standing standing;
  };
  const Row rows[] = {
      {Pinning::automatic, none, Standing::open}, {Pinning::automatic, other, Standing::open},
      {Pinning::ask, none, Standing::fresh},      {Pinning::ask, same, Standing::open},
      {Pinning::ask, other, Standing::changed},   {Pinning::strict, none, Standing::fresh},
      {Pinning::strict, same, Standing::open},    {Pinning::strict, other, Standing::changed}};
  for (const auto& row : rows) {
    auto where = std::string(to_string(row.pinning)) + " " + std::to_string(row.pins.size());
    EXPECT_EQ(standing_of(tool, {}, row.pins, row.pinning), row.standing) << where;
    EXPECT_EQ(standing_of(tool, {{}, {"a"}}, row.pins, row.pinning), Standing::denied) << where;
    ListedTool unreadable{"a", "{", ""};
    EXPECT_EQ(standing_of(unreadable, {}, row.pins, row.pinning), Standing::unreadable) << where;
  }
}

TEST(ToolGate, HoldsWhatAServerSaysOfItselfLikeATool) {
  auto said = read_instructions(R"("be kind")"), same = read_instructions(R"( "be\u0020kind" )"),
       other = read_instructions(R"("be quick")");
  EXPECT_EQ(said.name, kInstructions);
  EXPECT_EQ(said.fingerprint.size(), 64u);
  EXPECT_EQ(said.fingerprint, same.fingerprint);
  const Pins pins{{said.name, said.fingerprint}};
  EXPECT_EQ(standing_of(said, {}, {}, Pinning::strict), Standing::fresh);
  EXPECT_EQ(standing_of(said, {}, pins, Pinning::ask), Standing::open);
  EXPECT_EQ(standing_of(other, {}, pins, Pinning::ask), Standing::changed);
  EXPECT_EQ(standing_of(said, {{"read_*"}, {}}, pins, Pinning::ask), Standing::open);
  EXPECT_EQ(standing_of(said, {{}, {"@instructions"}}, pins, Pinning::ask), Standing::denied);
  EXPECT_EQ(standing_of(said, lists_from_json("damaged"), pins, Pinning::ask), Standing::denied);
  auto changes = changes_between(*canonical(said.json), *canonical(other.json));
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].before + changes[0].after, R"("be kind""be quick")");
  EXPECT_TRUE(read_instructions('"' + std::string(257 << 10, 'a') + '"').fingerprint.empty());
  // No tool can take its place.
  auto claimed = read_tools({{"@instructions", R"({"name":"@instructions"})"}});
  EXPECT_TRUE(claimed[0].fingerprint.empty());
}

TEST(ToolGate, ReadsNothingThatWouldCostTooMuch) {
  auto nested = [](std::size_t depth) {
    return R"({"name":"a","x":)" + std::string(depth, '[') + std::string(depth, ']') + "}";
  };
  EXPECT_TRUE(canonical(nested(30)));
  EXPECT_FALSE(canonical(nested(40)));
  auto sized = [](std::size_t bytes) { return R"({"name":")" + std::string(bytes, 'a') + "\"}"; };
  EXPECT_TRUE(canonical(sized(250 << 10)));
  EXPECT_FALSE(canonical(sized(257 << 10)));
  std::vector<std::pair<std::string, std::string>> many;
  for (int i = 0; i < 20; ++i) many.emplace_back("t" + std::to_string(i), sized(250 << 10));
  auto read = read_tools(std::move(many));
  EXPECT_FALSE(read.front().fingerprint.empty());
  EXPECT_TRUE(read.back().fingerprint.empty()) << "all together are too much";
}

TEST(ToolGate, TellsWhatHasChanged) {
  auto before = *canonical(R"({"name":"a","description":"old","title":"t","inputSchema":{}})");
  auto after = *canonical(R"({"name":"a","description":"new","inputSchema":{"type":"object"},"icons":[]})");
  std::vector<std::string> told;
  for (const auto& change : changes_between(before, after))
    told.push_back(change.member + ": " + change.before + " -> " + change.after);
  EXPECT_THAT(told, ElementsAre(R"(description: "old" -> "new")", "icons:  -> []",
                                R"(inputSchema: {} -> {"type":"object"})", R"(title: "t" -> )"));
  EXPECT_TRUE(changes_between(before, before).empty());
  auto twins = *canonical(R"({"name":"b","Name":"c","x":"hidden"})");
  EXPECT_EQ(changes_between("", twins).size(), 3u) << "nothing of it can be hidden";
  EXPECT_EQ(changes_between("", after).size(), 4u);
}

}  // namespace
}  // namespace brig::service
