// `brig run` and `brig attach` on a terminal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "brig_process.hpp"
#include "fake_brigd.hpp"

namespace brig::cli::test {
namespace {

using testing::HasSubstr;

bool is_raw(const termios& t) {
  return (t.c_lflag & (ICANON | ECHO | ISIG)) == 0;
}

BrigOptions on_terminal() {
  BrigOptions options;
  options.terminal = true;
  return options;
}

TEST(Terminal, IsRawWhileItRunsAndRestoredAfter) {
  FakeBrigd brigd;
  BrigProcess brig(brigd.host(), {"run", "shell"}, on_terminal());
  brigd.process().write(1, "$ ");
  ASSERT_TRUE(brig.wait_output("$ "));
  EXPECT_TRUE(is_raw(brig.terminal()));
  auto body = nlohmann::json::parse(brigd.wait_request("POST /v1/sessions").body);
  EXPECT_EQ(body["terminal"], (nlohmann::json{{"rows", 30}, {"cols", 100}}));
  brig.write("\x03");  // no signal of ours: the process's own terminal makes one of it
  EXPECT_EQ(brigd.process().wait_stdin(1), "\x03");
  brigd.process().end_with(5);
  EXPECT_EQ(brig.wait(), 5);
  EXPECT_FALSE(is_raw(brig.terminal()));
}

TEST(Terminal, PassesItsSizeOn) {
  FakeBrigd brigd;
  BrigProcess brig(brigd.host(), {"run", "shell"}, on_terminal());
  EXPECT_EQ(brigd.process().wait_size(1), (nlohmann::json{{"rows", 30}, {"cols", 100}}));
  brig.resize(50, 200);
  EXPECT_EQ(brigd.process().wait_size(2), (nlohmann::json{{"rows", 50}, {"cols", 200}}));
  brigd.process().end_with(0);
  EXPECT_EQ(brig.wait(), 0);
}

TEST(Terminal, DetachKeysLeaveItRunning) {
  FakeBrigd brigd;
  BrigProcess brig(brigd.host(), {"run", "shell"}, on_terminal());
  brigd.process().write(1, "$ ");
  ASSERT_TRUE(brig.wait_output("$ "));
  brig.write("ls\x10");
  brig.write("\x11");
  EXPECT_TRUE(brig.wait_output("brig attach brave-otter"));
  EXPECT_EQ(brig.wait(), 0);
  EXPECT_FALSE(is_raw(brig.terminal()));
}

TEST(Terminal, DetachKeysCanBeOthers) {
  FakeBrigd brigd;
  BrigProcess brig(brigd.host(), {"run", "--detach-keys", "ctrl-x", "shell"}, on_terminal());
  brigd.process().write(1, "$ ");
  ASSERT_TRUE(brig.wait_output("$ "));
  brig.write("\x10\x11");
  EXPECT_EQ(brigd.process().wait_stdin(2), "\x10\x11");
  brig.write("\x18");
  EXPECT_EQ(brig.wait(), 0);
}

TEST(Terminal, SignalsArePassedOn) {
  FakeBrigd brigd;
  BrigProcess brig(brigd.host(), {"run", "shell"}, on_terminal());
  brigd.process().write(1, "$ ");
  ASSERT_TRUE(brig.wait_output("$ "));
  ::kill(brig.pid(), SIGTERM);
  EXPECT_EQ(brigd.process().wait_signal(), "TERM");
  brigd.process().end({{"kind", "signaled"}, {"signal", 15}, {"exit_code", 143}});
  EXPECT_EQ(brig.wait(), 143);
  EXPECT_FALSE(is_raw(brig.terminal()));
}

TEST(Terminal, IsRestoredWhenSomebodyInsists) {
  FakeBrigd brigd;
  BrigProcess brig(brigd.host(), {"run", "shell"}, on_terminal());
  brigd.process().write(1, "$ ");
  ASSERT_TRUE(brig.wait_output("$ "));
  int code = 0;
  for (int i = 0; i < 3; ++i) {
    ::kill(brig.pid(), SIGINT);
    brigd.process().wait_signal();
    brigd.process().forget_signals();
    if (i == 1) {
      ::kill(brig.pid(), SIGINT);
      code = brig.wait();
      break;
    }
  }
  EXPECT_EQ(code, 130);
  EXPECT_FALSE(is_raw(brig.terminal()));
}

TEST(Terminal, IsRestoredWhenBrigCrashes) {
  FakeBrigd brigd;
  BrigProcess brig(brigd.host(), {"run", "shell"}, on_terminal());
  brigd.process().write(1, "$ ");
  ASSERT_TRUE(brig.wait_output("$ "));
  ASSERT_TRUE(is_raw(brig.terminal()));
  ::kill(brig.pid(), SIGSEGV);
  EXPECT_EQ(brig.wait(), -SIGSEGV);
  EXPECT_FALSE(is_raw(brig.terminal()));
}

TEST(Terminal, SaysThatTheConnectionIsLostAndComesBack) {
  FakeBrigd brigd;
  BrigProcess brig(brigd.host(), {"run", "shell"}, on_terminal());
  brigd.process().write(1, "before ");
  ASSERT_TRUE(brig.wait_output("before "));
  brigd.kill();
  ASSERT_TRUE(brig.wait_output("trying again"));
  EXPECT_TRUE(is_raw(brig.terminal()));
  brigd.restart();
  ASSERT_TRUE(brig.wait_output("connected again"));
  brigd.process().write(1, "after");
  ASSERT_TRUE(brig.wait_output("after"));
  brigd.process().end_with(0);
  EXPECT_EQ(brig.wait(), 0);
}

TEST(Terminal, CtrlCGivesUpOnALostConnection) {
  FakeBrigd brigd;
  BrigProcess brig(brigd.host(), {"run", "shell"}, on_terminal());
  brigd.process().write(1, "$ ");
  ASSERT_TRUE(brig.wait_output("$ "));
  brigd.kill();
  ASSERT_TRUE(brig.wait_output("trying again"));
  brig.write("\x03");
  EXPECT_EQ(brig.wait(), 130);
  EXPECT_FALSE(is_raw(brig.terminal()));
}

TEST(Terminal, AttachShowsWhatWasPrintedBefore) {
  FakeBrigd brigd;
  brigd.process().terminal = true;
  brigd.process().write(1, "hello ");
  BrigProcess brig(brigd.host(), {"attach", "brave-otter"}, on_terminal());
  ASSERT_TRUE(brig.wait_output("hello"));
  EXPECT_TRUE(is_raw(brig.terminal()));
  brig.write("x");
  EXPECT_EQ(brigd.process().wait_stdin(1), "x");
  brigd.process().end_with(9);
  EXPECT_EQ(brig.wait(), 9);
}

}  // namespace
}  // namespace brig::cli::test
