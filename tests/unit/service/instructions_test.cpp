// What a server says of itself, on its way to clients of the gateway.
#include <gmock/gmock.h>

#include "manager_house.hpp"

namespace brig::service::test {
namespace {

using testing::HasSubstr;

// "none" if nobody is told anything.
std::string told(House& house) {
  auto behind = house.manager->backends(house.admin, "acme");
  auto about = (*behind)->about("mine");
  if (!about) return "it does not run";
  EXPECT_EQ(about->result.find("be "), std::string::npos);
  return about->instructions.empty() ? "none" : about->instructions;
}

net::Task<ToolReport::Entry> entry(House& house) {
  auto report = co_await house.manager->tool_report(house.admin, "acme", "mine");
  ToolReport::Entry none;
  none.name = "none";
  if (!report || report->tools.empty() || report->tools[0].name != kInstructions) co_return none;
  co_return report->tools[0];
}

net::Task<Result<ToolReport>> approve(House& house) {
  auto now = co_await entry(house);
  std::vector<Approval> approvals{{now.name, now.fingerprint}};
  co_return co_await house.manager->approve_tools(house.admin, "acme", "mine", std::move(approvals));
}

net::Task<void> wait_once_they_change(House& house) {
  house.hosting.script.instructions = "be kind";
  auto deployed = co_await house.deploy("mine");
  EXPECT_EQ(deployed->tools, 1u) << "they are no tool";
  EXPECT_EQ(told(house), "\"be kind\"");
  house.hosting.script.instructions = "be quick";
  deployed = co_await house.deploy("mine");
  EXPECT_EQ(deployed->inside->waiting, 1u);
  EXPECT_EQ(told(house), "none");
  auto now = co_await entry(house);
  EXPECT_EQ(now.standing, Standing::changed);
  EXPECT_EQ(now.changes.size(), 1u);
  EXPECT_EQ(now.changes.at(0).before + now.changes.at(0).after, "\"be kind\"\"be quick\"");
  EXPECT_THAT(house.journal.events.back(), HasSubstr("tool.held"));
  EXPECT_THAT(house.journal.events.back(), HasSubstr("@instructions"));
  auto back = co_await house.restart();
  EXPECT_TRUE(co_await house.until_state("mine", State::running));
  EXPECT_EQ(told(house), "none");
  auto passed = co_await approve(house);
  EXPECT_TRUE(passed);
  EXPECT_EQ(told(house), "\"be quick\"");
  house.hosting.script.instructions = "be kind";
  deployed = co_await house.deploy("mine");
  EXPECT_EQ(told(house), "none") << "what was approved last counts";
}

TEST(Instructions, WaitOnceTheyChange) {
  play(wait_once_they_change);
}

net::Task<void> are_not_trusted_late(House& house) {
  auto deployed = co_await house.deploy("mine");
  EXPECT_TRUE(deployed);
  house.hosting.script.instructions = "be kind";
  deployed = co_await house.deploy("mine");
  EXPECT_EQ(told(house), "none");
  auto now = co_await entry(house);
  EXPECT_EQ(now.standing, Standing::fresh);
  auto back = co_await house.restart();
  EXPECT_TRUE(co_await house.until_state("mine", State::running));
  EXPECT_EQ(told(house), "none");
}

TEST(Instructions, AreNotTrustedWhereThereWereNoneAtFirst) {
  play(are_not_trusted_late);
}

// The ledger is as a brigd left it that pinned tools alone.
constexpr const char* kOld =
    "UPDATE tool_gates SET met = 1; DELETE FROM tool_pins WHERE tool = '@instructions';";

net::Task<void> pass_once_from_before(House& house) {
  house.hosting.script.instructions = "be kind";
  auto deployed = co_await house.deploy("mine");
  EXPECT_TRUE(deployed);
  auto back = co_await house.restart(kOld);
  EXPECT_TRUE(co_await house.until_state("mine", State::running));
  EXPECT_EQ(told(house), "\"be kind\"");
  house.hosting.script.instructions = "be quick";
  house.hosting.script.tools = {"echo", "more"};
  deployed = co_await house.deploy("mine");
  EXPECT_EQ(deployed->inside->waiting, 2u);
  EXPECT_EQ(told(house), "none");
}

TEST(Instructions, PassOnceOfAServiceThatWasMetBefore) {
  play(pass_once_from_before);
}

net::Task<void> wait_in_strict(House& house) {
  house.hosting.script.instructions = "be kind";
  auto deployed = co_await house.deploy("mine");
  EXPECT_EQ(deployed->inside->waiting, 2u);
  EXPECT_EQ(told(house), "none");
  auto passed = co_await approve(house);
  EXPECT_TRUE(passed);
  EXPECT_EQ(told(house), "\"be kind\"");
  auto back = co_await house.restart(kOld);
  EXPECT_TRUE(co_await house.until_state("mine", State::running));
  EXPECT_EQ(told(house), "none");
}

TEST(Instructions, WaitWhereAMeshIsStrict) {
  Options options;
  options.meshes.standard.pinning = Pinning::strict;
  play(wait_in_strict, options);
}

net::Task<void> pass_in_auto(House& house) {
  for (const char* said : {"be kind", "be quick"}) {
    house.hosting.script.instructions = said;
    auto deployed = co_await house.deploy("mine");
    EXPECT_EQ(told(house), '"' + std::string(said) + '"');
    house.clock.advance(Millis(120'000));
  }
  EXPECT_THAT(house.journal.events.back(),
              HasSubstr(R"(tool.changed {"service":"mine","tools":{"@instructions":"changed"}})"));
}

TEST(Instructions, PassWhereAMeshPinsNothing) {
  Options options;
  options.meshes.standard.pinning = Pinning::automatic;
  play(pass_in_auto, options);
}

}  // namespace
}  // namespace brig::service::test
