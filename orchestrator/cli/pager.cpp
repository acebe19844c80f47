#include "cli/pager.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace brig::cli {

Pager::Pager(const Environment& environment) {
  if (!::isatty(STDOUT_FILENO)) return;
  auto command = environment("BRIG_PAGER");
  if (!command) command = environment("PAGER");
  if (!command) command = "less";
  if (command->empty() || *command == "cat") return;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return;
  std::fflush(stdout);
  pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[0], STDIN_FILENO);
    // What git gives less: leave if it fits on a page, show colours, do not clear the screen.
    ::setenv("LESS", "FRX", 0);
    ::execl("/bin/sh", "sh", "-c", (*command + " || cat").c_str(), static_cast<char*>(nullptr));
    ::_exit(127);
  }
  ::close(ends[0]);
  if (child > 0) {
    child_ = child;
    terminal_ = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    ::dup2(ends[1], STDOUT_FILENO);
    // Whoever leaves the pager early wants no more; and Ctrl-C is the pager's.
    ::signal(SIGPIPE, SIG_IGN);
    ::signal(SIGINT, SIG_IGN);
  }
  ::close(ends[1]);
}

Pager::~Pager() {
  if (child_ < 0) return;
  std::fflush(stdout);
  std::clearerr(stdout);
  ::dup2(terminal_, STDOUT_FILENO);
  ::close(terminal_);
  int status = 0;
  while (::waitpid(child_, &status, 0) < 0 && errno == EINTR) {
  }
  ::signal(SIGINT, SIG_DFL);
}

}  // namespace brig::cli
