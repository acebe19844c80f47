// What a prune takes and leaves: every combination of what can speak for a volume, against a model that knows
// nothing of how the plan is made.
#include "prune/plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace brig::prune {
namespace {

using session::VolumeView;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr Millis kDay = std::chrono::hours(24);
constexpr WallTime kNow{kDay * 20'000};

VolumeView volume(const std::string& name, int days_unused, std::uint64_t bytes = 1000) {
  VolumeView out;
  out.name = out.engine = name;
  out.owner = "uid:1";
  out.created = kNow - kDay * 400;
  out.used = kNow - kDay * days_unused;
  out.allocated = bytes;
  return out;
}

std::vector<std::string> goers(const Plan& plan) {
  std::vector<std::string> out;
  for (const auto& verdict : plan.verdicts)
    if (verdict.goes) out.push_back(verdict.volume.engine);
  return out;
}

std::string said(const Plan& plan, const std::string& name) {
  std::string out;
  for (const auto& verdict : plan.verdicts)
    if (verdict.volume.engine == name)
      for (const auto& reason : verdict.reasons) out += reason + "\n";
  return out;
}

// 4096 volumes, each with its own combination of twelve things that may speak for it.
TEST(Plan, TakesWhatNothingSpeaksForAndNothingElse) {
  enum : unsigned {
    pinned = 1,
    attached = 2,
    preparing = 4,
    ended = 8,
    running_container = 16,
    stopped_container = 32,
    foreign_container = 64,
    mounted = 128,
    recent = 256,
    never_used = 512,
    others_mesh = 1024,
    big = 2048,
    all = 4096,
  };
  Evidence seen;
  seen.at = kNow;
  seen.sessions = {{"making", "preparing", {}}, {"done", "ended", {}}};
  seen.containers = {
      {"brig-1", "running", true, {}}, {"brig-2", "exited", true, {}}, {"web", "exited", false, {}}};
  for (unsigned bits = 0; bits < all; ++bits) {
    auto name = "v" + std::to_string(bits);
    auto one = volume(name, bits & recent ? 29 : 30, bits & big ? 5000 : 10);
    one.held = one.allocated;
    one.pinned = bits & pinned;
    if (bits & never_used) {
      one.created = *one.used;
      one.used.reset();
    }
    if (bits & others_mesh) one.mesh = "south";
    if (bits & attached) one.sessions = {"fix"};
    if (bits & preparing) seen.sessions[0].volumes.push_back(name);
    if (bits & ended) seen.sessions[1].volumes.push_back(name);
    if (bits & running_container) seen.containers[0].volumes.push_back(name);
    if (bits & stopped_container) seen.containers[1].volumes.push_back(name);
    if (bits & foreign_container) seen.containers[2].volumes.push_back(name);
    if (bits & mounted) seen.mounts.push_back({name, "/mnt/x"});
    seen.volumes.push_back(std::move(one));
  }
  Rules rules;
  rules.filter.mesh = "south";
  rules.filter.larger = 100;
  auto plan = make_plan(rules, seen);
  EXPECT_EQ(plan.verdicts.size(), all / 4);  // those that the filters mean
  std::uint64_t bytes = 0;
  for (const auto& verdict : plan.verdicts) {
    auto bits = static_cast<unsigned>(std::stoul(verdict.volume.engine.substr(1)));
    EXPECT_TRUE((bits & others_mesh) && (bits & big)) << bits;
    bool spoken_for = bits & (pinned | attached | preparing | ended | running_container | stopped_container |
                              foreign_container | mounted | recent);
    EXPECT_EQ(verdict.goes, !spoken_for) << bits;
    EXPECT_FALSE(verdict.reasons.empty());
    auto says = said(plan, verdict.volume.engine);
    auto has = [&](unsigned bit, const char* word) {
      if (bits & bit) {
        EXPECT_THAT(says, HasSubstr(word)) << bits;
      }
    };
    has(pinned, "pinned");
    has(attached, "session 'fix'");
    has(preparing, "session 'making' (preparing)");
    has(ended, "when it is restored");
    has(stopped_container, "container 'brig-2' (exited) has it");
    has(foreign_container, "container 'web' (exited), which is not Brig's, has it");
    has(recent, "less than 30d");
    if (verdict.goes) bytes += *verdict.volume.allocated;
  }
  EXPECT_EQ(plan.bytes, bytes);
  EXPECT_EQ(goers(plan).size(), 2u);  // used long ago, and never
}

TEST(Plan, SaysWhatTheRulesAreWithoutAWordFromAnybody) {
  Evidence seen;
  seen.at = kNow;
  seen.volumes = {volume("old", 31), volume("new", 29)};
  EXPECT_THAT(goers(make_plan({}, seen)), ElementsAre("old"));
  EXPECT_EQ(make_plan({}, seen).rules.filter.unused_for, kUnusedFor);
  Rules none;
  none.filter.unused_for = Millis{0};
  EXPECT_EQ(goers(make_plan(none, seen)).size(), 2u);
  // What is used in the future has just been used: a clock was set back.
  seen.volumes = {volume("ahead", -3)};
  EXPECT_THAT(goers(make_plan({}, seen)), IsEmpty());
}

TEST(Plan, KeepsTheLastUsedOfEachOwnerMeshAndProvider) {
  Evidence seen;
  seen.at = kNow;
  for (int i = 0; i < 4; ++i) {
    seen.volumes.push_back(volume("mine-" + std::to_string(i), 40 + i));
    auto other = volume("theirs-" + std::to_string(i), 40 + i);
    other.owner = "uid:2";
    seen.volumes.push_back(other);
    auto config = volume("config-" + std::to_string(i), 40 + i);
    config.provider = "claude";
    seen.volumes.push_back(config);
  }
  Rules rules;
  rules.keep_last = 3;
  auto plan = make_plan(rules, seen);
  EXPECT_THAT(goers(plan), ElementsAre("config-3", "mine-3", "theirs-3"));
  EXPECT_THAT(said(plan, "mine-2"), HasSubstr("among the last 3"));
}

TEST(Plan, PutsTheLargestFirst) {
  Evidence seen;
  seen.at = kNow;
  seen.volumes = {volume("a", 40, 1), volume("b", 40, 3), volume("c", 1, 9), volume("d", 40, 2)};
  auto plan = make_plan({}, seen);
  EXPECT_THAT(goers(plan), ElementsAre("b", "d", "a"));
  EXPECT_EQ(plan.verdicts.back().volume.engine, "c");
}

TEST(Plan, TellsStrangersNoNames) {
  Evidence seen;
  seen.at = kNow;
  seen.volumes = {volume("a", 40), volume("b", 40)};
  seen.containers = {{"", "running", false, {"a"}}};
  seen.sessions = {{"", "running", {"a"}}};
  seen.mounts = {{"b", ""}};
  auto plan = make_plan({}, seen);
  EXPECT_THAT(said(plan, "a"), AllOf(HasSubstr("a container (running)"), HasSubstr("another's session")));
  EXPECT_THAT(said(plan, "b"), HasSubstr("mounted on the host"));
}

TEST(Agreement, HoldsWhileNothingChanges) {
  Evidence seen;
  seen.at = kNow;
  seen.volumes = {volume("a", 40), volume("b", 50)};
  auto then = make_plan({}, seen);
  std::vector<Agreed> agreed;
  for (const auto& verdict : then.verdicts) agreed.push_back({verdict.volume.engine, use_of(verdict.volume)});
  EXPECT_THAT(differences(agreed, then), IsEmpty());
  // What came since is nobody's concern.
  auto more = seen;
  more.volumes.push_back(volume("c", 60));
  EXPECT_THAT(differences(agreed, make_plan({}, more)), IsEmpty());
  auto changed = [&](auto change) {
    auto other = seen;
    change(other);
    return differences(agreed, make_plan({}, other));
  };
  EXPECT_THAT(changed([](auto& e) { e.volumes[0].pinned = true; }), Contains(HasSubstr("'a': it is pinned")));
  EXPECT_THAT(changed([](auto& e) { e.volumes.pop_back(); }), Contains(HasSubstr("'b' is not there")));
  EXPECT_THAT(changed([](auto& e) { e.volumes[1] = volume("b", 49); }),
              Contains(HasSubstr("'b' was used since")));
  EXPECT_THAT(changed([](auto& e) {
                e.containers = {{"web", "created", false, {"a"}}};
              }),
              Contains(HasSubstr("container 'web' (created)")));
}

}  // namespace
}  // namespace brig::prune
