#include "workspace/idmap.hpp"

#include <string>

#include "workspace/mounter.hpp"
#include "workspace/syscalls.hpp"

namespace brig::workspace {

Result<void> idmap(int mount, int user_namespace, const Owner& owner, std::uint64_t attributes,
                   std::string_view what) {
  mount_attr attr{};
  attr.attr_set = attributes | MOUNT_ATTR_IDMAP | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  attr.userns_fd = static_cast<std::uint64_t>(user_namespace);
  if (::mount_setattr(mount, "", AT_EMPTY_PATH, &attr, sizeof attr) == 0) return {};
  int err = errno;
  // File systems that cannot be idmapped will do when the owner is the one inside anyway.
  if (err == EINVAL && owner.uid == kInside && owner.gid == kInside) {
    attr.attr_set &= ~static_cast<std::uint64_t>(MOUNT_ATTR_IDMAP);
    attr.userns_fd = 0;
    if (::mount_setattr(mount, "", AT_EMPTY_PATH, &attr, sizeof attr) == 0) return {};
    err = errno;
  }
  if (err == EINVAL) {
    auto error = mount_error(err, "Cannot map the owner of " + std::string(what));
    if (error.code != Code::unsupported) {
      error.code = Code::unsupported;
      error.message = "The file system of " + std::string(what) +
                      " cannot be idmapped (ext4, xfs, btrfs and tmpfs can): move it to one that can";
    }
    return error;
  }
  return mount_error(err, "Cannot map the owner of " + std::string(what));
}

}  // namespace brig::workspace
