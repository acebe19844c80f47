#include "process/process.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "net/loop.hpp"
#include "net/scope.hpp"

namespace brig::process {
namespace {

using testing::HasSubstr;

Command shell(std::string script) {
  return {.program = "/bin/sh", .args = {"-c", std::move(script)}, .env = {{"PATH", "/usr/bin:/bin"}}};
}

Result<Finished> run_now(Command command) {
  return net::run_task(run(std::move(command)));
}

std::size_t open_descriptors() {
  std::size_t n = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++n;
  return n;
}

// A process that is gone, or waits only to be reaped by someone else.
bool is_dead(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/stat");
  std::string text((std::istreambuf_iterator<char>(status)), {});
  auto paren = text.rfind(')');
  return paren == std::string::npos || text.size() < paren + 3 || text[paren + 2] == 'Z' ||
         text[paren + 2] == 'X';
}

bool dies(pid_t pid) {
  for (int i = 0; i < 3000; ++i) {
    if (is_dead(pid)) return true;
    std::this_thread::sleep_for(Millis(10));
  }
  return false;
}

TEST(Process, GivesExitCodeOutputAndErrors) {
  auto done = run_now(shell("echo out; echo err >&2; exit 7"));
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->code, 7);
  EXPECT_EQ(done->output, "out\n");
  EXPECT_EQ(done->errors, "err\n");
  EXPECT_EQ(failure("sh", *done).message, "sh failed with exit code 7: err");
}

TEST(Process, TellsTheSignalThatKilledIt) {
  auto done = run_now(shell("kill -TERM $$"));
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_FALSE(done->code);
  EXPECT_EQ(done->signal, SIGTERM);
}

TEST(Process, HasTheGivenEnvironmentAndDirectoryAndNothingElse) {
  ::setenv("BRIG_TEST_LEAK", "1", 1);
  auto done = run_now({.program = "/usr/bin/env", .args = {}, .env = {{"A", "b c"}}, .cwd = "/usr"});
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->output, "A=b c\n");
  EXPECT_EQ(run_now({.program = "/bin/pwd", .args = {}, .cwd = "/usr"})->output, "/usr\n");
}

TEST(Process, ArgumentsReachItAsTheyAre) {
  auto done = run_now({.program = "/usr/bin/printf", .args = {"[%s]", "", "a b", "$(id)", "\"'\\", "-n"}});
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->output, "[][a b][$(id)][\"'\\][-n]");
}

TEST(Process, InputAndOutputAreBytes) {
  std::string bytes;
  for (int i = 0; i < 300'000; ++i) bytes.push_back(static_cast<char>(i * 7 + i / 256));
  auto done = run_now({.program = "/bin/cat", .args = {}, .input = bytes});
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_TRUE(done->output == bytes);
}

TEST(Process, AProgramThatReadsNoInputIsNoTrouble) {
  auto done = run_now({.program = "/bin/true", .args = {}, .input = std::string(1 << 20, 'x')});
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->code, 0);
}

TEST(Process, WhatCannotRunIsAnErrorWithItsName) {
  auto done = run_now({.program = "/nonexistent/program", .args = {}});
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("/nonexistent/program"));
  done = run_now({.program = "/bin/true", .args = {}, .cwd = "/nonexistent"});
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("in /nonexistent"));
  EXPECT_FALSE(run_now({.program = "true", .args = {}}));
  EXPECT_FALSE(run_now({.program = "/bin/true", .args = {std::string("a\0b", 3)}}));
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a child was left";
}

TEST(Process, ADeadlineKillsTheWholeGroup) {
  auto command = shell("sleep 1000 & echo $!; echo said >&2; wait");
  command.max_output = 100;
  // run() gives no output with an error, so read it piece by piece.
  pid_t grandchild = 0;
  auto main = [&]() -> net::Task<Result<Finished>> {
    auto executor = co_await net::asio::this_coro::executor;
    BRIG_CO_TRY(auto process, Process::start(executor, command));
    std::vector<std::byte> buffer(100);
    BRIG_CO_TRY(auto n, co_await process->read(buffer));
    grandchild = std::stoi(std::string(reinterpret_cast<char*>(buffer.data()), n));
    co_return co_await process->finish();
  };
  Result<Finished> done;
  // As long as the shell takes, here and now, to have said both.
  for (auto limit = Millis(300); limit < std::chrono::minutes(1); limit *= 2) {
    grandchild = 0;
    command.deadline = Deadline::in(limit);
    done = net::run_task(main());
    ASSERT_FALSE(done);
    if (grandchild > 0 && done.error().message.find("said") != std::string::npos) break;
  }
  EXPECT_EQ(done.error().code, Code::timeout);
  EXPECT_THAT(done.error().message, HasSubstr("said"));
  ASSERT_GT(grandchild, 0);
  EXPECT_TRUE(dies(grandchild));
}

TEST(Process, ItsEndIsTheEndEvenIfAChildKeepsThePipe) {
  auto done = run_now(shell("sleep 1000 & echo $!"));
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->code, 0);
  EXPECT_TRUE(dies(std::stoi(done->output)));
}

TEST(Process, NotEvenAChildThatLeftTheGroupIsWaitedFor) {
  auto done = run_now(shell("setsid sleep 1000 & echo $!"));
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->code, 0);
  auto left = std::stoi(done->output);
  ::kill(left, SIGKILL);
  EXPECT_TRUE(dies(left));
}

TEST(Process, TooMuchOutputIsRefusedAndTheFloodStopped) {
  auto command = shell("echo $$ >&2; exec cat /dev/zero");
  command.max_output = 100'000;
  auto done = run_now(command);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::too_large);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a child was left";
}

TEST(Process, AFloodOnStderrKeepsItsEnd) {
  auto command = shell("yes filler | head -c 3000000 >&2; printf END >&2");
  command.max_errors = 1000;
  auto done = run_now(command);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->errors.size(), 1000u);
  EXPECT_TRUE(done->errors.ends_with("END"));
}

TEST(Process, AStreamIsReadAsFastAsItIsWanted) {
  auto main = []() -> net::Task<Result<std::size_t>> {
    auto executor = co_await net::asio::this_coro::executor;
    Command command{.program = "/usr/bin/head", .args = {"-c", "200000000", "/dev/zero"}};
    BRIG_CO_TRY(auto process, Process::start(executor, command));
    std::vector<std::byte> buffer(64 << 10);
    std::size_t total = 0;
    while (true) {
      BRIG_CO_TRY(auto n, co_await process->read(buffer));
      if (n == 0) break;
      total += n;
    }
    BRIG_CO_TRY(auto finished, co_await process->finish());
    if (!finished.ok()) co_return failure("head", finished);
    co_return total;
  };
  auto total = net::run_task(main());
  ASSERT_TRUE(total) << total.error().message;
  EXPECT_EQ(*total, 200'000'000u);
}

net::Task<void> run_for_ever(pid_t& pid, net::Event& started) {
  auto executor = co_await net::asio::this_coro::executor;
  auto process = Process::start(executor, shell("echo $$; exec sleep 1000"));
  if (!process) co_return;
  std::vector<std::byte> buffer(100);
  auto n = co_await (*process)->read(buffer);
  if (!n) co_return;
  pid = std::stoi(std::string(reinterpret_cast<char*>(buffer.data()), *n));
  started.notify_all();
  auto ended = co_await (*process)->finish();
  if (ended) pid = -1;
}

TEST(Process, CancellingTheWaitKillsAndReapsIt) {
  pid_t pid = 0;
  auto main = [&]() -> net::Task<bool> {
    auto executor = co_await net::asio::this_coro::executor;
    net::Scope scope(executor, "test");
    net::Event started(executor);
    scope.spawn(run_for_ever(pid, started));
    while (pid == 0) co_await started.wait();
    co_await scope.close();
    auto limit = Deadline::in(std::chrono::seconds(30));
    while (::kill(pid, 0) == 0 && !limit.passed()) co_await net::sleep_for(Millis(5));
    co_return ::kill(pid, 0) != 0;  // reaped, not just dead
  };
  EXPECT_TRUE(net::run_task(main()));
}

TEST(Process, NoDescriptorReachesItAndNoneIsLeft) {
  int open_to_all = ::open("/dev/null", O_RDONLY);  // without O_CLOEXEC
  auto before = open_descriptors();
  auto done = run_now({.program = "/bin/ls", .args = {"/proc/self/fd"}});
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->output, "0\n1\n2\n3\n");  // 3 is ls reading the directory
  for (int i = 0; i < 20; ++i) {
    (void)run_now(shell("exit 1"));
    (void)run_now({.program = "/nonexistent", .args = {}});
  }
  EXPECT_EQ(open_descriptors(), before);
  ::close(open_to_all);
}

TEST(Process, StartsWithTheUsualSignals) {
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t blocked, before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &blocked, &before);
  auto done = run_now({.program = "/bin/grep", .args = {"-E", "^Sig(Blk|Ign)", "/proc/self/status"}});
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->output, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST(Process, OtherChildrenAreNotReaped) {
  pid_t other = ::fork();
  if (other == 0) ::_exit(42);
  ASSERT_TRUE(run_now(shell("exit 0")));
  int status = 0;
  EXPECT_EQ(::waitpid(other, &status, 0), other);
  EXPECT_EQ(WEXITSTATUS(status), 42);
}

TEST(Process, AContainedOneTakesAllItStartedWithIt) {
  // Other runs of this test have sleepers of their own.
  auto sleeper = "sleep 4321." + std::to_string(::getpid());
  auto command = shell(
      "mount -t tmpfs none /mnt && touch /mnt/here && ls /mnt && readlink /proc/self/ns/pid;"
      "setsid " +
      sleeper + " >/dev/null 2>&1 & until pgrep -x sleep >/dev/null; do :; done");
  command.contained = true;
  auto done = run_now(command);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_THAT(done->output, HasSubstr("here\npid:["));
  EXPECT_FALSE(std::filesystem::exists("/mnt/here"));
  auto left = run_now({.program = "/usr/bin/pgrep", .args = {"-f", "^" + sleeper + "$"}});
  EXPECT_EQ(left->output, "");
}

TEST(Process, ProgramsAreFoundInThePath) {
  EXPECT_EQ(find_program("sh", "relative:/nonexistent:/bin"), "/bin/sh");
  EXPECT_FALSE(find_program("no-such-program"));
}

}  // namespace
}  // namespace brig::process
