// Ends every process a test has started, however deep: orphans come to the test, which ends them too.
//
// Ownership: takes all children of this process. Threads: one. Failure: none.
#pragma once

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>

namespace brig::init {

// Call before the first child.
inline void adopt_orphans() {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

// Returns once this child has stopped.
inline void stop_child(pid_t child) {
  ::kill(child, SIGSTOP);
  ::waitpid(child, nullptr, WUNTRACED);
}

// How many of its children are stopped.
inline int stopped_children(pid_t of) {
  int stopped = 0;
  std::ifstream in("/proc/" + std::to_string(of) + "/task/" + std::to_string(of) + "/children");
  for (pid_t pid = 0; in >> pid;) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(status, line);) stopped += line.starts_with("State:\tT") ? 1 : 0;
  }
  return stopped;
}

// Lets go on what has been stopped: children, and theirs.
inline void continue_children(pid_t of = ::getpid()) {
  std::ifstream in("/proc/" + std::to_string(of) + "/task/" + std::to_string(of) + "/children");
  for (pid_t pid = 0; in >> pid;) {
    continue_children(pid);
    ::kill(pid, SIGCONT);
  }
}

inline void end_all_children() {
  std::string list = "/proc/self/task/" + std::to_string(::getpid()) + "/children";
  while (true) {
    std::ifstream in(list);
    for (pid_t pid = 0; in >> pid;) ::kill(pid, SIGKILL);
    if (::waitpid(-1, nullptr, 0) < 0) return;
  }
}

}  // namespace brig::init
