// The steps by which another process changes what outlives it, so that a test can act just before any of
// them: kill -9 it there, or what it talks to.
//
//   Steps steps(brigd.pid(), 7, [&](const Step&) { ::kill(brigd.pid(), SIGKILL); });
//   …                                   // that process works
//   auto taken = steps.end();           // so many it took meanwhile
//
// A step is a system call that makes, writes, syncs, renames or removes files, mounts or unmounts, or sends
// to a named unix socket that the process has connected to. Writing to one thing several times in a row is
// one, and so is removing it.
//
// Ownership: a tracer (ptrace) of all threads of that process, from construction to end(). Threads: one
// calls it; `act` runs on a thread of its own, with the process's thread held. Failure: it aborts, as no test
// could go on.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <functional>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace brig::harness {

struct Step {
  std::string call;  // "fsync"
  std::string on;    // the file's path, or the socket's
};

class Steps {
 public:
  using Act = std::function<void(const Step&)>;
  // `at`: which step, from 1; 0: none. `counts`: which ones do, all if empty.
  Steps(pid_t pid, std::size_t at, Act act, std::function<bool(const Step&)> counts = {});
  Steps(const Steps&) = delete;
  Steps& operator=(const Steps&) = delete;
  ~Steps() { end(); }

  // Lets the process go, if it is still there.
  const std::vector<Step>& end();
  std::size_t taken() const { return count_; }

 private:
  void follow();
  bool seize();
  void on_call(pid_t thread);
  void let_go();

  pid_t pid_;
  std::size_t at_;
  Act act_;
  std::function<bool(const Step&)> counts_;
  std::vector<Step> steps_;
  std::set<pid_t> threads_;
  std::atomic<std::size_t> count_{0};
  std::atomic<bool> ready_{false}, ending_{false}, ended_{false};
  std::thread tracer_;
};

}  // namespace brig::harness
