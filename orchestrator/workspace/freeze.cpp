#include "workspace/freeze.hpp"

#include <linux/fs.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "workspace/waiting_process.hpp"

namespace brig::workspace {

Result<void> thaw(int root) {
  // EINVAL: it is not held.
  if (::ioctl(root, FITHAW, 0) == 0 || errno == EINVAL) return {};
  return errno_error(errno, "Cannot let go of a session's file system", "workspace: freeze");
}

Result<Freeze> Freeze::hold(UniqueFd root) {
  // Most of what is dirty is written while nobody has to wait for it.
  (void)::syncfs(root.get());
  UniqueFd keep;
  pid_t guard = spawn_waiting(
      0, keep, +[](int fd) { ::ioctl(fd, FITHAW, 0); }, root.get());
  if (guard < 0) return errno_error(errno, "Cannot start a process", "workspace: freeze");
  if (::ioctl(root.get(), FIFREEZE, 0) == 0) return Freeze(std::move(root), std::move(keep), guard);
  int err = errno;
  end_waiting(guard);
  if (err == EBUSY) {
    return Error{Code::conflict, "The session's file system is held still already: try again",
                 "workspace: freeze", true};
  }
  if (err == EOPNOTSUPP) {
    return Error{Code::unsupported, "The session's file system cannot be held still", "workspace: freeze",
                 false};
  }
  return errno_error(err, "Cannot hold the session's file system still", "workspace: freeze");
}

Freeze::~Freeze() {
  if (!root_) return;
  (void)thaw(root_.get());
  end_waiting(guard_);
}

}  // namespace brig::workspace
