#include "workspace/user_namespace.hpp"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <string>

#include "workspace/mounter.hpp"
#include "workspace/waiting_process.hpp"

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

}  // namespace

Result<UniqueFd> make_user_namespace(uid_t uid, gid_t gid) {
  UniqueFd keep;
  pid_t child = spawn_waiting(CLONE_NEWUSER, keep);
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
  end_waiting(child);
  if (err != 0) return errno_error(err, "Cannot set up a user namespace", "workspace: user namespace");
  return fd;
}

}  // namespace brig::workspace
