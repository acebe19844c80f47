// Processes with a terminal.
#include "sandbox.hpp"

namespace brig::supervisor {
namespace {

ProcessSpec in_terminal(std::string script, TerminalSize size = {24, 80}) {
  auto spec = shell(std::move(script));
  spec.terminal = size;
  return spec;
}

net::Task<void> sizes(Sandbox& s) {
  co_await s.run(1, in_terminal("tty >/dev/null && stty size; trap 'stty size; exit 4' WINCH; echo up; "
                                "while :; do sleep 0.01; done",
                                {33, 101}));
  co_await s.until_out(1, "up\r\n");
  EXPECT_EQ(s.process(1).out, "33 101\r\nup\r\n");
  EXPECT_TRUE(s.link->resize(1, {50, 132}));
  co_await s.ended(1);
  EXPECT_EQ(s.process(1).out, "33 101\r\nup\r\n50 132\r\n");
  EXPECT_EQ(s.process(1).exit->value, 4);
}
TEST(Terminal, HasASizeThatChanges) {
  with_sandbox(sizes);
}

net::Task<void> controls(Sandbox& s) {
  co_await s.run(1, in_terminal("trap 'echo int; exit 9' INT; echo up; while :; do sleep 0.01; done"));
  co_await s.until_out(1, "up");
  auto written = co_await s.link->write_stdin(1, 0, bytes_of("\x03"));
  EXPECT_TRUE(written);
  co_await s.ended(1);
  EXPECT_NE(s.process(1).out.find("int"), std::string::npos);
  EXPECT_EQ(s.process(1).exit->value, 9);
}
TEST(Terminal, IsTheControllingOne) {
  with_sandbox(controls);
}

net::Task<void> end_of_input(Sandbox& s) {
  co_await s.run(1, in_terminal("stty -echo; echo up; cat; echo over"));
  co_await s.until_out(1, "up");
  auto written = co_await s.link->write_stdin(1, 0, bytes_of("a line\nhalf"));
  EXPECT_TRUE(written);
  auto closed = co_await s.link->stdin_eof(1, 11);
  EXPECT_TRUE(closed);
  co_await s.ended(1);
  EXPECT_EQ(s.process(1).out, "up\r\na line\r\nhalfover\r\n");
}
TEST(Terminal, EndOfInputIsItsCharacter) {
  with_sandbox(end_of_input);
}

net::Task<void> much(Sandbox& s) {
  co_await s.run(1, in_terminal("stty -opost; seq 1 200000"));
  co_await s.ended(1);
  std::string expected;
  for (int i = 1; i <= 200000; ++i) expected += std::to_string(i) + "\n";
  EXPECT_TRUE(s.process(1).out == expected);
  EXPECT_EQ(s.process(1).exit_offset, expected.size());
}
TEST(Terminal, LosesNoOutputAtTheEnd) {
  with_sandbox(much);
}

// The shell ends, what it left in the background is hung up: the terminal is over.
net::Task<void> hang_up(Sandbox& s) {
  co_await s.run(1, in_terminal("sleep 1000 & echo up"));
  co_await s.exited(1);
  EXPECT_EQ(s.process(1).out, "up\r\n");
}
TEST(Terminal, EndsWithItsLeader) {
  with_sandbox(hang_up);
}

}  // namespace
}  // namespace brig::supervisor
