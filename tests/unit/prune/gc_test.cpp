#include "prune/gc.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace brig::prune {
namespace {

using std::chrono::hours;
using testing::ElementsAre;
using testing::HasSubstr;

const WallTime kNow{hours(24 * 10'000)};

Thing thing_of(const char* kind, const char* id, Millis idle, std::uint64_t bytes,
               std::vector<std::string> held = {}) {
  return {kind, id, id, "", kNow - idle, bytes, std::move(held)};
}

std::vector<std::string> names(const GcPlan& plan, bool goes) {
  std::vector<std::string> out;
  for (const auto& verdict : plan.verdicts)
    if (verdict.goes == goes) out.push_back(verdict.thing.id);
  return out;
}

TEST(Gc, TakesWhatIsOldAndNobodyHas) {
  std::vector<Thing> things{thing_of(kGcSession, "old", hours(24 * 40), 10),
                            thing_of(kGcSession, "young", hours(24 * 20), 20),
                            thing_of(kGcSession, "held", hours(24 * 40), 30, {"it has a checkpoint"}),
                            thing_of(kGcImage, "image", hours(24 * 31), 40),
                            thing_of(kGcCheckpoint, "good", hours(24 * 32), 35),
                            thing_of(kGcTemplate, "future", -hours(1), 50),
                            thing_of(kGcArchive, "edge", hours(24 * 30), 5)};
  auto plan = make_gc_plan({}, kNow, things);
  EXPECT_THAT(names(plan, true), ElementsAre("image", "good", "old", "edge"));
  EXPECT_THAT(names(plan, false), ElementsAre("held", "young", "future"));
  EXPECT_EQ(plan.bytes, 90u);
  EXPECT_EQ(plan.verdicts[2].reasons, std::vector<std::string>{"it ended 40d ago"});
  EXPECT_EQ(plan.verdicts[4].reasons, std::vector<std::string>{"it has a checkpoint"});
  EXPECT_THAT(plan.verdicts[5].reasons[0], HasSubstr("20d ago, which is less than 30d"));

  GcRules rules;
  rules.unused_for = Millis{0};
  rules.kinds = {kGcSession};
  plan = make_gc_plan(rules, kNow, things);
  EXPECT_THAT(names(plan, true), ElementsAre("young", "old"));
  EXPECT_THAT(names(plan, false), ElementsAre("held"));
}

}  // namespace
}  // namespace brig::prune
