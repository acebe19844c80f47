// Mounts on which the owner of a workspace appears as the one user inside.
//
// Threads: any. Failure: `unsupported`, naming what cannot be mapped and the remedy.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string_view>

#include "core/result.hpp"

namespace brig::workspace {

struct Owner {
  uid_t uid;
  gid_t gid;
  mode_t mode;  // of the workspace itself
};

// `mount` is attached nowhere; `attributes` are MOUNT_ATTR_*, `what` it is for a person.
Result<void> idmap(int mount, int user_namespace, const Owner& owner, std::uint64_t attributes,
                   std::string_view what);

}  // namespace brig::workspace
