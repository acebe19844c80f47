#include "session/pen.hpp"

#include <gtest/gtest.h>

namespace brig::session {
namespace {

const Pen::Hand kAnn{1, "ann-key", "uid:1"};
const Pen::Hand kBob{2, "bob-key", "uid:2"};

TEST(Pen, IsTheFirstOnesUntilItLeaves) {
  Pen pen;
  EXPECT_EQ(pen.holder(), "");
  EXPECT_TRUE(pen.ask(kAnn, false));
  EXPECT_FALSE(pen.ask(kBob, false));
  EXPECT_TRUE(pen.held_by(1));
  EXPECT_FALSE(pen.held_by(2));
  EXPECT_EQ(pen.holder(), "uid:1");
  pen.leave(2, true);
  EXPECT_TRUE(pen.held_by(1));
  pen.leave(1, true);
  EXPECT_EQ(pen.holder(), "");
  EXPECT_TRUE(pen.ask(kBob, false));
}

TEST(Pen, IsKeptForOneWhoVanished) {
  Pen pen;
  ASSERT_TRUE(pen.ask(kAnn, false));
  pen.leave(1, false);
  EXPECT_FALSE(pen.ask(kBob, false));
  EXPECT_EQ(pen.holder(), "uid:1");
  EXPECT_TRUE(pen.ask({3, "ann-key", "uid:1"}, false));
  EXPECT_TRUE(pen.held_by(3));
  EXPECT_TRUE(pen.ask({4, "ann-key", "uid:1"}, false));  // back before it was missed
  EXPECT_FALSE(pen.held_by(3));
  pen.leave(4, false);
  EXPECT_TRUE(pen.ask(kBob, true));
  EXPECT_FALSE(pen.ask({5, "ann-key", "uid:1"}, false));
}

TEST(Pen, IsTakenOverOnPurposeOnlyAndThatShows) {
  Pen pen;
  ASSERT_TRUE(pen.ask(kAnn, false));
  auto version = pen.version();
  EXPECT_FALSE(pen.ask(kBob, false));
  EXPECT_EQ(pen.version(), version);
  EXPECT_TRUE(pen.ask(kBob, true));
  EXPECT_NE(pen.version(), version);
  EXPECT_EQ(pen.holder(), "uid:2");
}

TEST(Pen, RemembersWhoWroteLast) {
  Pen pen;
  EXPECT_FALSE(pen.interrupted("ann-key"));
  pen.wrote(kAnn);
  EXPECT_FALSE(pen.interrupted("ann-key"));
  EXPECT_TRUE(pen.interrupted("bob-key"));
}

TEST(Pen, WithoutAKeyNothingIsKept) {
  Pen pen;
  ASSERT_TRUE(pen.ask({1, "", "uid:1"}, false));
  EXPECT_FALSE(pen.ask({2, "", "uid:2"}, false));
  pen.leave(1, true);
  EXPECT_TRUE(pen.ask({2, "", "uid:2"}, false));
}

}  // namespace
}  // namespace brig::session
