// Starting processes, and how they end.
#include "sandbox.hpp"

namespace brig::supervisor {
namespace {

net::Task<void> runs_a_command(Sandbox& s) {
  co_await s.run(1, shell("echo hello; echo oops >&2; exit 3"));
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

net::Task<void> keeps_order(Sandbox& s) {
  co_await s.run(1, shell("i=0; while [ $i -lt 300 ]; do echo o$i; echo e$i >&2; i=$((i+1)); done"));
  co_await s.ended(1);
  std::string out, err;
  for (int i = 0; i < 300; ++i) {
    out += "o" + std::to_string(i) + "\n";
    err += "e" + std::to_string(i) + "\n";
  }
  EXPECT_EQ(s.process(1).out, out);
  EXPECT_EQ(s.process(1).err, err);
}
TEST(Process, KeepsBothStreamsWhole) {
  with_sandbox(keeps_order);
}

net::Task<void> echoes_input(Sandbox& s) {
  auto spec = command("cat");
  spec.stdin_open = true;
  co_await s.run(1, spec);
  std::string text = "one two three";
  auto written = co_await s.link->write_stdin(1, 0, bytes_of(text));
  EXPECT_TRUE(written);
  co_await s.until_out(1, "three");
  EXPECT_EQ(s.link->stdin_offset(1), text.size());
  // What was there before is skipped, a hole is refused.
  written = co_await s.link->write_stdin(1, 4, bytes_of("two three four"));
  EXPECT_TRUE(written);
  written = co_await s.link->write_stdin(1, 99, bytes_of("x"));
  EXPECT_FALSE(written);
  auto closed = co_await s.link->stdin_eof(1, 18);
  EXPECT_TRUE(closed);
  co_await s.ended(1);
  EXPECT_EQ(s.process(1).out, "one two three four");
  EXPECT_EQ(s.process(1).exit->value, 0);
  EXPECT_EQ(s.process(1).stdin_ack, 18u);
}
TEST(Process, GetsItsInput) {
  with_sandbox(echoes_input);
}

net::Task<void> closed_input(Sandbox& s) {
  co_await s.run(1, command("cat"));
  co_await s.ended(1);
  EXPECT_EQ(s.process(1).out, "");
  EXPECT_EQ(s.process(1).exit->value, 0);
  // Input for who does not read is taken and dropped: nobody is held up.
  auto spec = shell("exec <&-; sleep 1000");
  spec.stdin_open = true;
  co_await s.run(2, spec);
  for (std::uint64_t at = 0; at < 1'000'000; at += 50'000) {
    auto written = co_await s.link->write_stdin(2, at, std::vector<std::byte>(50'000));
    EXPECT_TRUE(written);
  }
  while (!s.process(2).stdin_gone) co_await s.recorder->changed.wait();
}
TEST(Process, WithoutInputReadsNothing) {
  with_sandbox(closed_input);
}

net::Task<void> environment(Sandbox& s) {
  auto spec = shell("echo $BRIG_A,$BRIG_B,$PWD,$HOME");
  spec.cwd = "/usr";
  spec.env.emplace_back("BRIG_A", Secret("a value"));
  spec.env.emplace_back("HOME", Secret("/nowhere"));
  co_await s.run(1, spec);
  co_await s.ended(1);
  EXPECT_EQ(s.process(1).out, "a value,inherited,/usr,/nowhere\n");

  spec = command("env");
  spec.inherit_env = false;
  spec.env.emplace_back("ONLY", Secret("this"));
  co_await s.run(2, spec);
  co_await s.ended(2);
  EXPECT_EQ(s.process(2).out, "ONLY=this\n");

  spec = command("sh", "-c", "echo found");
  spec.env.emplace_back("PATH", Secret("/nonsense:/bin"));
  co_await s.run(3, spec);
  co_await s.ended(3);
  EXPECT_EQ(s.process(3).out, "found\n");
}
TEST(Process, GetsItsEnvironment) {
  ::setenv("BRIG_B", "inherited", 1);
  with_sandbox(environment);
  ::unsetenv("BRIG_B");
}

net::Task<void> clean_slate(Sandbox& s) {
  // Only the three streams are open (ls has the directory itself as a fourth), nothing is blocked or ignored,
  // it leads a session and a group of its own.
  co_await s.run(1, shell("ls /proc/self/fd | tr '\\n' ' '; grep -E '^Sig(Blk|Ign)' /proc/self/status"));
  co_await s.ended(1);
  EXPECT_EQ(s.process(1).out, "0 1 2 3 SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
  co_await s.run(2, shell("read -r pid name state parent group session rest < /proc/self/stat; "
                          "[ $pid = $group ] && [ $pid = $session ] && echo leader"));
  co_await s.ended(2);
  EXPECT_EQ(s.process(2).out, "leader\n");
}
TEST(Process, StartsWithACleanSlate) {
  with_sandbox(clean_slate);
}

net::Task<void> spawn_errors(Sandbox& s) {
  auto spec = command("no-such-program");
  auto outcome = co_await s.link->spawn(1, spec, soon());
  EXPECT_TRUE(outcome && !outcome->started);
  EXPECT_EQ(outcome->stage, Stage::exec);
  EXPECT_EQ(outcome->exit_code(), 127);
  EXPECT_EQ(outcome->message(spec),
            "the program 'no-such-program' cannot be run inside the sandbox: No such file or directory");

  spec = command("/etc/passwd");
  outcome = co_await s.link->spawn(2, spec, soon());
  EXPECT_EQ(outcome->exit_code(), 126);
  EXPECT_EQ(outcome->error, EACCES);

  spec = command("true");
  spec.cwd = "/no/such/directory";
  outcome = co_await s.link->spawn(3, spec, soon());
  EXPECT_EQ(outcome->stage, Stage::cwd);
  EXPECT_EQ(outcome->exit_code(), 126);

  outcome = co_await s.link->spawn(4, command(), soon());
  EXPECT_FALSE(outcome);
  outcome = co_await s.link->spawn(4, command("echo", std::string("a\0b", 3)), soon());
  EXPECT_FALSE(outcome);
  outcome = co_await s.link->spawn(4, command("echo", std::string(2'000'000, 'x')), soon());
  EXPECT_FALSE(outcome);
  // The kernel's own limit for one argument is 128 KiB.
  outcome = co_await s.link->spawn(4, command("echo", std::string(200'000, 'x')), soon());
  EXPECT_TRUE(outcome && !outcome->started);
  EXPECT_EQ(outcome->error, E2BIG);

  co_await s.run(5, command("true"));
  outcome = co_await s.link->spawn(5, command("true"), soon());
  EXPECT_FALSE(outcome);
  co_await s.ended(5);
  EXPECT_TRUE(s.link->forget(5));
}
TEST(Process, ThatCannotStartSaysWhy) {
  with_sandbox(spawn_errors);
}

net::Task<void> long_arguments(Sandbox& s) {
  auto spec = command("sh", "-c", "printf %s \"$@\" | wc -c; echo $#", "sh");
  for (int i = 0; i < 9; ++i) spec.argv.emplace_back(100'000, static_cast<char>('a' + i));
  for (int i = 0; i < 5000; ++i) spec.argv.emplace_back("y");
  co_await s.run(1, spec);
  co_await s.ended(1);
  EXPECT_EQ(s.process(1).out, "905000\n5009\n");
}
TEST(Process, TakesLongArguments) {
  with_sandbox(long_arguments);
}

net::Task<void> many(Sandbox& s) {
  auto spec = command("cat");
  spec.stdin_open = true;
  for (std::uint32_t id = 1; id <= link::kMaxProcesses; ++id) co_await s.run(id, spec);
  auto outcome = co_await s.link->spawn(1000, spec, soon());
  EXPECT_TRUE(outcome && !outcome->started);
  EXPECT_EQ(outcome->stage, Stage::limit);
  auto stats = co_await s.link->stats(soon());
  EXPECT_EQ(stats->spawned, link::kMaxProcesses);
  for (std::uint32_t id = 1; id <= link::kMaxProcesses; ++id) {
    EXPECT_FALSE(s.link->forget(id));  // it still runs
    auto closed = co_await s.link->stdin_eof(id, 0);
    EXPECT_TRUE(closed);
  }
  for (std::uint32_t id = 1; id <= link::kMaxProcesses; ++id) {
    co_await s.ended(id);
    EXPECT_TRUE(s.link->forget(id));
  }
  // There is room again.
  for (std::uint32_t id = 101; id <= 300; ++id) {
    co_await s.run(id, shell("echo again"));
    co_await s.ended(id);
    EXPECT_EQ(s.process(id).out, "again\n");
    EXPECT_TRUE(s.link->forget(id));
  }
}
TEST(Process, ThereMayBeManyButNotTooMany) {
  with_sandbox(many);
}

}  // namespace
}  // namespace brig::supervisor
