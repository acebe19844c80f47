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

inline void end_all_children() {
  std::string list = "/proc/self/task/" + std::to_string(::getpid()) + "/children";
  while (true) {
    std::ifstream in(list);
    for (pid_t pid = 0; in >> pid;) ::kill(pid, SIGKILL);
    if (::waitpid(-1, nullptr, 0) < 0) return;
  }
}

}  // namespace brig::init
