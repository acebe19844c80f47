// System calls the C library may not know, under their own names, and errors made of them.
//
// Threads: any. Failure: as the kernel's: -1 and errno.
#pragma once

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <string_view>

#include "core/error.hpp"
#include "core/unique_fd.hpp"

namespace brig::workspace {

inline UniqueFd open_beneath_links(int directory, const char* path, std::uint64_t flags,
                                   std::uint64_t resolve) {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.resolve = resolve;
  return UniqueFd(static_cast<int>(::syscall(SYS_openat2, directory, path, &how, sizeof how)));
}

inline UniqueFd open_directory(int at, const char* name) {
  return UniqueFd(::openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

// Whether this directory is where something is mounted.
bool is_mount_root(int directory);

// What an error of mounting means for a person: an old kernel is named with the version needed.
Error mount_error(int err, std::string_view doing);

}  // namespace brig::workspace
