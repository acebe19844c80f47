#include "workspace/user_namespace.hpp"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "workspace/mounter.hpp"

namespace brig::workspace {

namespace {

// Lines "on disk, shown, how many".
std::string map_of(unsigned id) {
  auto inside = std::to_string(kInside);
  if (id == 0) return "0 " + inside + " 1\n" + inside + " 0 1\n";
  return "0 0 1\n" + std::to_string(id) + " " + inside + " 1\n";
}

int write_map(pid_t child, const char* name, const std::string& map) {
  auto path = "/proc/" + std::to_string(child) + "/" + name;
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file || ::write(file.get(), map.data(), map.size()) != static_cast<ssize_t>(map.size())) return errno;
  return 0;
}

// A process that owns a new user namespace and waits. No exit signal: whoever in this process waits for
// children of its own never hears of it. Should we die, the pipe ends and it goes.
pid_t spawn_waiting(UniqueFd& keep) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return -1;
  UniqueFd wait_on(ends[0]);
  keep.reset(ends[1]);
  // A signal handled in the child would run our handlers on our shared descriptors.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  clone_args args{};
  args.flags = CLONE_NEWUSER;
  auto child = static_cast<pid_t>(::syscall(SYS_clone3, &args, sizeof args));
  if (child == 0) {
    ::close(ends[1]);
    char byte;
    while (::read(ends[0], &byte, 1) < 0 && errno == EINTR) {
    }
    ::_exit(0);
  }
  int err = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = err;
  return child;
}

}  // namespace

Result<UniqueFd> make_user_namespace(uid_t uid, gid_t gid) {
  UniqueFd keep;
  pid_t child = spawn_waiting(keep);
  if (child < 0) {
    int err = errno;
    if (err == ENOSPC || err == EUSERS || err == EPERM) {
      return Error{
          Code::unsupported,
          "This machine does not let brigd make user namespaces, which the workspace's file owners need: set "
          "the sysctl user.max_user_namespaces above 0 and run brigd as root",
          "workspace: user namespace", false};
    }
    return errno_error(err, "Cannot make a user namespace", "workspace: user namespace");
  }
  int err = write_map(child, "uid_map", map_of(uid));
  if (err == 0) err = write_map(child, "gid_map", map_of(gid));
  UniqueFd fd;
  if (err == 0) {
    fd.reset(::open(("/proc/" + std::to_string(child) + "/ns/user").c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) err = errno;
  }
  ::kill(child, SIGKILL);
  while (::waitpid(child, nullptr, __WALL) < 0 && errno == EINTR) {
  }
  if (err != 0) return errno_error(err, "Cannot set up a user namespace", "workspace: user namespace");
  return fd;
}

}  // namespace brig::workspace
