// Signals, orphans, descendants that hold on, and the end of everything.
#include "sandbox.hpp"

namespace brig::supervisor {
namespace {

net::Task<void> kills(Sandbox& s) {
  co_await s.run(1, shell("echo up; exec sleep 1000"));
  co_await s.until_out(1, "up");
  EXPECT_TRUE(s.link->signal(1, SIGKILL));
  co_await s.ended(1);
  EXPECT_EQ(s.process(1).exit->kind, ExitKind::signaled);
  EXPECT_EQ(s.process(1).exit->value, SIGKILL);
  EXPECT_FALSE(s.link->signal(7, SIGTERM));
  EXPECT_FALSE(s.link->signal(1, 65));

  co_await s.run(2, shell("trap 'echo caught; exit 7' USR1; echo up; while :; do sleep 0.01; done"));
  co_await s.until_out(2, "up");
  EXPECT_TRUE(s.link->signal(2, SIGUSR1));
  co_await s.ended(2);
  EXPECT_EQ(s.process(2).out, "up\ncaught\n");
  EXPECT_EQ(s.process(2).exit->value, 7);
}
TEST(Signal, ReachesTheProcess) {
  with_sandbox(kills);
}

// A group: the shell and its child. A session: also the job that went into a group of its own.
net::Task<void> groups(Sandbox& s) {
  co_await s.run(1, shell("sleep 1000 & sleep 1000 & echo up; wait"));
  co_await s.until_out(1, "up");
  EXPECT_TRUE(s.link->signal(1, SIGKILL, Target::group));
  co_await s.ended(1);  // nobody holds the pipes any more

  co_await s.run(2, shell("set -m; sleep 1000 & echo up; wait"));
  co_await s.until_out(2, "up");
  EXPECT_TRUE(s.link->signal(2, SIGKILL, Target::session));
  co_await s.ended(2);
}
TEST(Signal, ReachesGroupAndSession) {
  with_sandbox(groups);
}

net::Task<void> orphans(Sandbox& s) {
  // The grandchildren become orphans and end; the first process must take them away.
  co_await s.run(1, shell("for i in 1 2 3 4 5 6 7 8 9 10; do (sh -c 'exit 0' &) ; done; echo done"));
  co_await s.ended(1);
  // 'ps' would count them as defunct.
  co_await s.run(
      2, shell("while grep -lqs '^State:.Z' /proc/[0-9]*/status; do sleep 0.01; done; echo none left"));
  co_await s.ended(2);
  EXPECT_EQ(s.process(2).out, "none left\n");
  EXPECT_TRUE(s.link->signal(1, SIGTERM));  // of one that is gone: nothing happens
  auto stats = co_await s.link->stats(soon());
  EXPECT_EQ(stats->processes, 0u);
}
TEST(Signal, OrphansAreReaped) {
  with_sandbox(orphans, true, true);
}

net::Task<void> held_open(Sandbox& s) {
  co_await s.run(1, shell("(while [ ! -e " + (s.dir() / "go").string() +
                          " ]; do sleep 0.01; done; echo late) & echo early"));
  co_await s.exited(1);
  EXPECT_EQ(s.process(1).out, "early\n");
  EXPECT_EQ(s.process(1).exit_offset, 6u);
  EXPECT_FALSE(s.process(1).end);
  std::filesystem::create_directory(s.dir() / "go");
  co_await s.ended(1);
  EXPECT_EQ(s.process(1).out, "early\nlate\n");
  EXPECT_EQ(*s.process(1).end, 11u);
}
TEST(Signal, ADescendantThatHoldsThePipeDoesNotDelayTheExit) {
  with_sandbox(held_open);
}

net::Task<void> chatty(Sandbox& s) {
  s.recorder->keep = false;
  co_await s.run(1, shell("yes & exit 5"));
  co_await s.exited(1);
  EXPECT_EQ(s.process(1).exit->value, 5);
  EXPECT_TRUE(s.link->signal(1, SIGKILL, Target::group));
  co_await s.ended(1);
}
TEST(Signal, ADescendantThatNeverStopsWritingDoesNotDelayTheExit) {
  with_sandbox(chatty);
}

net::Task<void> shuts_down(Sandbox& s) {
  co_await s.run(1, shell("trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.01; done"));
  co_await s.run(2, shell("trap '' TERM; echo up; while :; do sleep 0.01; done"));
  auto spec = command("sh");
  spec.terminal = TerminalSize{};
  co_await s.run(3, spec);
  co_await s.until_out(1, "up");
  co_await s.until_out(2, "up");
  EXPECT_TRUE(s.link->shutdown(Millis{60'000}));
  co_await s.ended(1);
  co_await s.ended(3);
  EXPECT_FALSE(s.process(2).exit);
  EXPECT_TRUE(s.link->shutdown(Millis{10}));  // less time than there was
  co_await s.ended(2);
  EXPECT_EQ(s.process(1).out, "up\nbye\n");
  EXPECT_EQ(s.process(1).exit->value, 0);
  EXPECT_EQ(s.process(2).exit->value, SIGKILL);
  while (s.recorder->disconnects == 0) co_await s.recorder->changed.wait();
  EXPECT_TRUE(s.recorder->finished);
}
TEST(Shutdown, EndsEverythingAndReports) {
  with_sandbox([](Sandbox& s) -> net::Task<void> {
    co_await shuts_down(s);
    EXPECT_EQ(s.wait_init(), 0);
  });
}
TEST(Shutdown, EndsEverythingInANamespace) {
  with_sandbox(shuts_down, true, true);
}

// `docker stop` sends SIGTERM from outside.
net::Task<void> stopped_from_outside(Sandbox& s) {
  co_await s.run(1, shell("echo up; exec sleep 1000"));
  co_await s.until_out(1, "up");
  ::kill(s.init_pid(), SIGTERM);
  co_await s.ended(1);
  EXPECT_EQ(s.process(1).exit->value, SIGTERM);
  while (!s.recorder->finished) co_await s.recorder->changed.wait();
  EXPECT_EQ(s.wait_init(), 0);
}
TEST(Shutdown, OfTheContainerIsHeeded) {
  with_sandbox(stopped_from_outside);
}

// What runs inside cannot end, stop or trace the first process.
net::Task<void> cannot_be_harmed(Sandbox& s) {
  co_await s.run(1, shell("kill -TERM 1; kill -INT 1; kill -KILL 1; kill -STOP 1; kill -HUP 1; echo alive"));
  co_await s.ended(1);
  EXPECT_EQ(s.process(1).out, "alive\n");
  auto pong = co_await s.link->ping(soon());
  EXPECT_TRUE(pong);
  auto outcome = co_await s.link->spawn(2, shell("echo still"), soon());
  EXPECT_TRUE(outcome && outcome->started);
}
TEST(Shutdown, IsNotForThoseInside) {
  with_sandbox(cannot_be_harmed, true, true);
}

net::Task<void> busy(Sandbox& s) {
  auto before = co_await s.link->stats(soon());
  EXPECT_EQ(before->processes, 0u);
  co_await s.run(1, shell("echo up; while :; do :; done"));
  co_await s.until_out(1, "up");
  std::uint64_t used = 0;
  while (used < 30) {
    auto now = co_await s.link->stats(soon());
    EXPECT_EQ(now->processes, 1u);
    EXPECT_EQ(now->spawned, 1u);
    used = now->cpu_ms - before->cpu_ms;
  }
  EXPECT_TRUE(s.link->signal(1, SIGKILL));
  co_await s.ended(1);
  auto after = co_await s.link->stats(soon());
  EXPECT_EQ(after->processes, 0u);
  EXPECT_GE(after->cpu_ms, before->cpu_ms + used - 20);  // the dead are remembered
}
TEST(Stats, TellWhetherAnythingIsBusy) {
  with_sandbox(busy, true, true);
}

}  // namespace
}  // namespace brig::supervisor
