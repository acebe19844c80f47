#include "workspace/syscalls.hpp"

#include <sys/stat.h>
#include <sys/utsname.h>

#include <charconv>
#include <cstring>

namespace brig::workspace {

namespace {

bool kernel_at_least(int major, int minor) {
  utsname name{};
  if (::uname(&name) != 0) return true;
  int a = 0, b = 0;
  auto end = name.release + std::strlen(name.release);
  auto dot = std::from_chars(name.release, end, a).ptr;
  if (dot != end) std::from_chars(dot + 1, end, b);
  return a > major || (a == major && b >= minor);
}

}  // namespace

bool is_mount_root(int directory) {
  struct statx st {};
  if (::statx(directory, "", AT_EMPTY_PATH, 0, &st) != 0) return false;
  return (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

Error mount_error(int err, std::string_view doing) {
  if (err == ENOSYS || ((err == EINVAL || err == EOPNOTSUPP) && !kernel_at_least(5, 19))) {
    return Error{
        Code::unsupported,
        std::string(doing) +
            ": this kernel is too old; workspaces need Linux 5.19 or newer (overlays on idmapped mounts)",
        "workspace: mount", false};
  }
  return errno_error(err, doing, "workspace: mount");
}

}  // namespace brig::workspace
