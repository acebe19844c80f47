#include "sandbox.hpp"

namespace brig::supervisor {
namespace {

net::Task<void> runs_a_command(Sandbox& s) {
  auto spec = shell("echo hello; echo oops >&2; exit 3");
  spec.cwd = "/";
  co_await s.run(1, spec);
  co_await s.ended(1);
  EXPECT_EQ(s.process(1).out, "hello\n");
  EXPECT_EQ(s.process(1).err, "oops\n");
  EXPECT_EQ(s.process(1).exit->kind, ExitKind::exited);
  EXPECT_EQ(s.process(1).exit->value, 3);
  EXPECT_EQ(s.process(1).exit_offset, 11u);
}
TEST(Process, RunsAndReportsOutputAndCode) {
  with_sandbox(runs_a_command);
}
TEST(Process, RunsUnderTheFirstProcess) {
  with_sandbox(runs_a_command, true, true);
}

net::Task<void> echoes_input(Sandbox& s) {
  auto spec = command({"cat"});
  spec.stdin_open = true;
  co_await s.run(1, spec);
  std::string text = "one two three";
  std::vector<std::byte> bytes(reinterpret_cast<const std::byte*>(text.data()),
                               reinterpret_cast<const std::byte*>(text.data()) + text.size());
  auto written = co_await s.link->write_stdin(1, 0, bytes);
  EXPECT_TRUE(written);
  co_await s.until_out(1, "three");
  EXPECT_EQ(s.link->stdin_offset(1), text.size());
  auto closed = co_await s.link->stdin_eof(1, text.size());
  EXPECT_TRUE(closed);
  co_await s.ended(1);
  EXPECT_EQ(s.process(1).out, text);
  EXPECT_EQ(s.process(1).exit->value, 0);
}
TEST(Process, GetsItsInput) {
  with_sandbox(echoes_input);
}

}  // namespace
}  // namespace brig::supervisor
