#include "cli/attach/resume.hpp"

#include <gtest/gtest.h>

#include "cli/attach/detach_keys.hpp"

namespace brig::cli {
namespace {

TEST(OutputCursor, PassesEveryByteOnce) {
  OutputCursor cursor;
  EXPECT_EQ(cursor.hello(0), 0u);
  ASSERT_TRUE(cursor.begin(0));
  EXPECT_EQ(cursor.take("abc"), "abc");
  EXPECT_EQ(cursor.take("def"), "def");
  EXPECT_EQ(cursor.next(), 6u);
  // Another connection starts further back than asked for.
  EXPECT_EQ(cursor.hello(2), 0u);
  ASSERT_TRUE(cursor.begin(2));
  EXPECT_EQ(cursor.take("cd"), "");
  EXPECT_EQ(cursor.take("efgh"), "gh");
  EXPECT_EQ(cursor.next(), 8u);
}

TEST(OutputCursor, RefusesAHoleUnlessItWasAnnounced) {
  OutputCursor cursor;
  cursor.start_at(10);
  EXPECT_FALSE(cursor.begin(11));
  EXPECT_EQ(cursor.gap(5, 12), 2u);
  EXPECT_TRUE(cursor.begin(12));
  EXPECT_EQ(cursor.gap(3, 9), 0u);
  EXPECT_EQ(cursor.hello(20), 8u);
  EXPECT_EQ(cursor.next(), 20u);
}

TEST(OutputCursor, BeginsWhereTheServerSays) {
  OutputCursor cursor;
  EXPECT_FALSE(cursor.next());
  EXPECT_EQ(cursor.hello(1000), 0u);
  EXPECT_EQ(cursor.next(), 1000u);
}

TEST(InputWindow, ResendsWhatWasNotAcknowledged) {
  InputWindow input;
  input.append("abcdef");
  EXPECT_EQ(input.unsent(), "");  // nobody has said hello
  ASSERT_TRUE(input.hello(0));
  EXPECT_EQ(input.unsent(), "abcdef");
  input.sent(6);
  EXPECT_EQ(input.unsent(), "");
  input.acked(2);
  input.lost();
  input.append("gh");
  ASSERT_TRUE(input.hello(4));
  EXPECT_EQ(input.unsent(), "efgh");
  EXPECT_EQ(input.unsent_offset(), 4u);
  EXPECT_FALSE(input.hello(1));  // it had acknowledged 2
}

TEST(InputWindow, IsBounded) {
  InputWindow input;
  input.append(std::string(InputWindow::kSize, 'x'));
  EXPECT_EQ(input.space(), 0u);
  ASSERT_TRUE(input.hello(0));
  input.sent(InputWindow::kSize);
  input.acked(100);
  EXPECT_EQ(input.space(), 100u);
}

TEST(InputWindow, SaysItsEndOnEveryConnection) {
  InputWindow input;
  ASSERT_TRUE(input.hello(0));
  input.append("xy");
  input.close();
  EXPECT_EQ(input.space(), 0u);
  EXPECT_FALSE(input.eof_due());  // the bytes come first
  input.sent(2);
  EXPECT_TRUE(input.eof_due());
  input.eof_sent();
  EXPECT_FALSE(input.eof_due());
  input.lost();
  EXPECT_FALSE(input.eof_due());
  ASSERT_TRUE(input.hello(2));
  EXPECT_TRUE(input.eof_due());
  EXPECT_EQ(input.end(), 2u);
}

TEST(InputWindow, KeepsWhatWasNotAcknowledgedAlsoIfItNeedNotBeSentAgain) {
  InputWindow input;
  ASSERT_TRUE(input.hello(0));
  input.append("abcdef");
  input.sent(6);
  input.acked(1);
  input.lost();
  ASSERT_TRUE(input.hello(4));  // promised, not yet taken
  EXPECT_EQ(input.unsent(), "ef");
  input.lost();
  ASSERT_TRUE(input.hello(2));  // and the promise died with the service
  EXPECT_EQ(input.unsent(), "cdef");
  EXPECT_EQ(input.unsent_offset(), 2u);
  input.lost();
  EXPECT_FALSE(input.hello(0));
}

TEST(InputWindow, BeginsAnewWithThePen) {
  InputWindow input;
  ASSERT_TRUE(input.hello(10));
  input.append("old");
  input.drop();
  EXPECT_EQ(input.unsent(), "");
  input.begin_at(40);
  input.append("new");
  EXPECT_EQ(input.unsent_offset(), 40u);
  EXPECT_EQ(input.unsent(), "new");
  input.lost();
  ASSERT_TRUE(input.hello(38));  // what others were promised before it never came
  EXPECT_EQ(input.unsent_offset(), 38u);
  EXPECT_EQ(input.unsent(), "new");
}

TEST(Reconnect, IsQuietThenTellsThenGivesUp) {
  Reconnect reconnect(Millis{10'000});
  SteadyTime now{};
  bool noted = false;
  int tries = 0;
  Millis at{0};
  while (true) {
    auto step = reconnect.failed(now + at);
    if (step.give_up) break;
    if (step.note) {
      EXPECT_FALSE(noted);
      EXPECT_GE(at, Reconnect::kQuiet);
      noted = true;
    }
    EXPECT_GT(step.wait.count(), 0);
    EXPECT_LE(step.wait.count(), 500);
    at += step.wait;
    ++tries;
  }
  EXPECT_TRUE(noted);
  EXPECT_EQ(at, Millis{10'000});
  EXPECT_GT(tries, 20);
  EXPECT_LT(tries, 100);
}

TEST(Reconnect, StartsAfreshOnceConnected) {
  Reconnect reconnect(Millis{1000});
  SteadyTime now{};
  reconnect.failed(now);
  reconnect.connected();
  EXPECT_FALSE(reconnect.failed(now + Millis{5000}).give_up);
  Reconnect never(Millis{0});
  EXPECT_TRUE(never.failed(now).give_up);
}

std::string typed(DetachKeys& keys, std::string_view text, bool& left) {
  std::string out;
  left = keys.feed(text, out) == DetachKeys::Pressed::leave;
  return out;
}

TEST(DetachKeys, HaveOthersBesideThem) {
  auto keys = *DetachKeys::parse("ctrl-p,ctrl-q");
  EXPECT_EQ(keys.text_of(DetachKeys::Pressed::take_over), "ctrl-p ctrl-t");
  EXPECT_EQ(keys.text_of(DetachKeys::Pressed::leave), "ctrl-p ctrl-q");
  std::string out;
  std::string_view typed =
      "a\x10\x14"
      "b\x10\x10\x01"
      "c\x10"
      "d";
  EXPECT_EQ(keys.feed(typed, out), DetachKeys::Pressed::take_over);
  EXPECT_EQ(out, "a");
  EXPECT_EQ(keys.feed(typed, out), DetachKeys::Pressed::questions);
  EXPECT_EQ(out, "ab\x10");
  EXPECT_EQ(keys.feed(typed, out), std::nullopt);
  EXPECT_EQ(out,
            "ab\x10"
            "c\x10"
            "d");
  EXPECT_FALSE(DetachKeys::parse("ctrl-x")->has(DetachKeys::Pressed::take_over));
  EXPECT_FALSE(DetachKeys::parse("ctrl-x,ctrl-t")->has(DetachKeys::Pressed::take_over));
  EXPECT_TRUE(DetachKeys::parse("ctrl-x,ctrl-t")->has(DetachKeys::Pressed::questions));
}

TEST(DetachKeys, AreFoundAcrossReads) {
  auto keys = *DetachKeys::parse("ctrl-p,ctrl-q");
  bool left = false;
  EXPECT_EQ(typed(keys, "ab\x10", left), "ab");
  EXPECT_FALSE(left);
  EXPECT_EQ(typed(keys, "c", left),
            "\x10"
            "c");
  EXPECT_EQ(typed(keys, "\x10\x10", left), "\x10");
  EXPECT_EQ(typed(keys, "\x11rest", left), "");
  EXPECT_TRUE(left);
}

TEST(DetachKeys, KeepAPartialMatchWithinItself) {
  auto keys = *DetachKeys::parse("a a b");
  bool left = false;
  EXPECT_EQ(typed(keys, "aaab", left), "a");
  EXPECT_TRUE(left);
}

TEST(DetachKeys, AreChecked) {
  bool left = true;
  auto none = *DetachKeys::parse("");
  EXPECT_EQ(typed(none, "\x10\x11", left), "\x10\x11");
  EXPECT_FALSE(left);
  EXPECT_FALSE(DetachKeys::parse("meta-x"));
  EXPECT_FALSE(DetachKeys::parse("ctrl-"));
  EXPECT_TRUE(DetachKeys::parse("ctrl-], x"));
}

}  // namespace
}  // namespace brig::cli
