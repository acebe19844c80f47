#include "workspace/waiting_process.hpp"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace brig::workspace {

pid_t spawn_waiting(std::uint64_t flags, UniqueFd& keep, void (*last)(int), int argument) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return -1;
  UniqueFd wait_on(ends[0]);
  keep.reset(ends[1]);
  // A signal handled in the child would run our handlers on our shared descriptors.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  clone_args args{};
  args.flags = flags;
  auto child = static_cast<pid_t>(::syscall(SYS_clone3, &args, sizeof args));
  if (child == 0) {
    ::close(ends[1]);
    char byte;
    while (::read(ends[0], &byte, 1) < 0 && errno == EINTR) {
    }
    if (last) last(argument);
    ::_exit(0);
  }
  int err = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = err;
  return child;
}

void end_waiting(pid_t process) {
  ::kill(process, SIGKILL);
  while (::waitpid(process, nullptr, __WALL) < 0 && errno == EINTR) {
  }
}

}  // namespace brig::workspace
