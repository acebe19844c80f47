#include "reconcile/plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>

namespace brig::reconcile {
namespace {

const SessionId kId("0123456789abcdef");
const std::string kName = "brig-0123456789abcdef";

enum class Seen { absent, stopped, running, paused };

struct Case {
  Phase phase;
  bool live;
  Seen container;
  bool mounted;
};

std::vector<Action> run(const Case& c) {
  Observed observed;
  if (c.container != Seen::absent) {
    bool paused = c.container == Seen::paused;
    observed.containers.push_back({"c1", kName, kId, c.container == Seen::running || paused, paused});
  }
  if (c.mounted) observed.mounted.insert(kId);
  observed.directories.insert(kId);
  return plan({{kId, c.phase, kName, c.live}}, observed);
}

// The whole table: every phase × engine state × live × mounted.
Action* expected(const Case& c, Action& storage) {
  std::string left = c.container == Seen::absent ? "" : "c1";
  switch (c.phase) {
    case Phase::preparing:
    case Phase::starting:
      storage = Undo{kId};
      return c.live ? nullptr : &storage;
    case Phase::running:
    case Phase::paused:
      if (c.container == Seen::running || c.container == Seen::paused) {
        bool as_it_should = (c.container == Seen::paused) == (c.phase == Phase::paused);
        storage = Adopt{kId, "c1"};
        if (c.live) storage = Settle{kId};
        return c.live && as_it_should ? nullptr : &storage;
      }
      storage = Conclude{kId, left};
      return &storage;
    case Phase::ending:
      storage = Conclude{kId, left};
      return c.live ? nullptr : &storage;
    case Phase::ended:
      storage = Sweep{kId};
      return c.container != Seen::absent || c.mounted ? &storage : nullptr;
    case Phase::removing:
      storage = Forget{kId};
      return c.live ? nullptr : &storage;
    case Phase::gone:
      break;
  }
  return nullptr;
}

TEST(Plan, EveryPhaseAgainstEveryEngineState) {
  for (auto phase : {Phase::preparing, Phase::starting, Phase::running, Phase::paused, Phase::ending,
                     Phase::ended, Phase::removing}) {
    for (auto container : {Seen::absent, Seen::stopped, Seen::running, Seen::paused}) {
      for (bool live : {false, true}) {
        for (bool mounted : {false, true}) {
          Case c{phase, live, container, mounted};
          Action storage;
          Action* want = expected(c, storage);
          auto got = run(c);
          SCOPED_TRACE(testing::Message()
                       << "phase " << static_cast<int>(phase) << " container " << static_cast<int>(container)
                       << " live " << live << " mounted " << mounted);
          ASSERT_EQ(got.size(), want ? 1u : 0u);
          if (want) {
            EXPECT_EQ(got[0], *want);
          }
        }
      }
    }
  }
}

TEST(Plan, NeverTouchesWhatTheLedgerDoesNotKnow) {
  Observed observed;
  observed.containers.push_back({"c9", "brig-ffffffffffffffff", SessionId("ffffffffffffffff"), true});
  // The label of a known session under a foreign name is a stranger too.
  observed.containers.push_back({"c8", "impostor", kId, true});
  auto actions = plan({{kId, Phase::running, kName, false}}, observed);
  EXPECT_NE(std::find(actions.begin(), actions.end(), Action(ReportStranger{"c9"})), actions.end());
  EXPECT_NE(std::find(actions.begin(), actions.end(), Action(ReportStranger{"c8"})), actions.end());
  EXPECT_NE(std::find(actions.begin(), actions.end(), Action(Conclude{kId, ""})), actions.end());
  EXPECT_EQ(actions.size(), 3u);
}

TEST(Plan, RemovesAContainerThatCameAfterItsSessionHadGone) {
  Observed observed;
  observed.containers.push_back({"c1", kName, kId, false});
  auto actions = plan({{kId, Phase::gone, kName}}, observed);
  ASSERT_EQ(actions.size(), 1u);
  EXPECT_EQ(actions[0], Action(DropContainer{kId, kName}));
  observed.containers[0].name = "impostor";
  observed.directories.insert(kId);
  actions = plan({{kId, Phase::gone, kName}}, observed);
  ASSERT_EQ(actions.size(), 2u);
  EXPECT_EQ(actions[0], Action(ReportStranger{"c1"}));
  EXPECT_EQ(actions[1], Action(DropRemains{kId}));
  EXPECT_TRUE(plan({{kId, Phase::gone, kName}}, {}).empty());
}

TEST(Plan, DropsRemainsOnce) {
  Observed observed;
  SessionId unknown("aaaaaaaaaaaaaaaa");
  observed.mounted.insert(unknown);
  observed.directories.insert(unknown);
  auto actions = plan({}, observed);
  ASSERT_EQ(actions.size(), 1u);
  EXPECT_EQ(actions[0], Action(DropRemains{unknown}));
}

TEST(Plan, DropsLayersThatNothingRefersTo) {
  Observed observed;
  observed.stray_layers.insert(LayerId("aaaaaaaaaaaaaaaa"));
  auto actions = plan({}, observed);
  ASSERT_EQ(actions.size(), 1u);
  EXPECT_EQ(actions[0], Action(DropLayer{LayerId("aaaaaaaaaaaaaaaa")}));
}

TEST(Plan, ABeginningAgainIsNotTakenBack) {
  for (auto phase : {Phase::preparing, Phase::starting}) {
    Observed observed;
    observed.directories.insert(kId);
    auto actions = plan({{kId, phase, kName, false, true}}, observed);
    ASSERT_EQ(actions.size(), 1u);
    EXPECT_EQ(actions[0], Action(Conclude{kId, ""}));
    EXPECT_TRUE(plan({{kId, phase, kName, true, true}}, observed).empty());
  }
}

TEST(Plan, AQuietWorldNeedsNothing) {
  Observed observed;
  observed.containers.push_back({"c1", kName, kId, true});
  observed.mounted.insert(kId);
  observed.directories.insert(kId);
  EXPECT_TRUE(plan({{kId, Phase::running, kName, true}}, observed).empty());
  EXPECT_TRUE(plan({}, {}).empty());
}

// --rm, and brigd was killed between the end and the removal.
TEST(Plan, WhatWasToGoOnceItEndedGoes) {
  Recorded session{SessionId("0000000000000001"), Phase::ended, "brig-1", false, false, true};
  EXPECT_EQ(plan({session}, {}), (std::vector<Action>{Forget{session.id}}));
  session.live = true;
  EXPECT_TRUE(plan({session}, {}).empty());
  session.live = false;
  session.to_remove = false;
  EXPECT_TRUE(plan({session}, {}).empty());
}

TEST(Plan, LeavesWhatSomebodyKeepsToHimOnceItHasCertainlyEnded) {
  Recorded kept{kId, Phase::running, kName};
  kept.kept = true;
  Observed observed;
  observed.containers.push_back({"c1", kName, kId});
  observed.directories.insert(kId);
  EXPECT_EQ(plan({kept}, observed), std::vector<Action>{(Conclude{kId, "c1"})});
  observed.containers[0].ended = true;
  EXPECT_TRUE(plan({kept}, observed).empty());
  kept.live = true;  // taken up again, and ended only then
  EXPECT_EQ(plan({kept}, observed), std::vector<Action>{(Conclude{kId, "c1"})});
  kept.live = false;
  kept.kept = false;
  EXPECT_EQ(plan({kept}, observed), std::vector<Action>{(Conclude{kId, "c1"})});
  kept.kept = true;
  observed.containers[0].running = true;
  EXPECT_EQ(plan({kept}, observed), std::vector<Action>{(Adopt{kId, "c1"})});
}

}  // namespace
}  // namespace brig::reconcile
