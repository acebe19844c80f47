#include "tar/place.hpp"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

namespace brig::tar {

Place::~Place() {
  if (fd_ >= 0) ::close(fd_);
}

bool Place::open(const char* path, const char* top, bool never_into, int& error) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  struct stat stat {};
  bool there = ::stat(path, &stat) == 0;
  auto fail = [&](int number) {
    error = number;
    return false;
  };
  if (!there && errno != ENOENT) return fail(errno);
  if (there && S_ISDIR(stat.st_mode)) {
    if (never_into) return fail(EISDIR);
    bool content = strcmp(top, ".") == 0;
    if (!content && strlen(top) >= sizeof rename_) return fail(ENAMETOOLONG);
    strcpy(rename_, content ? "" : top);
    fd_ = ::open(path, kFlags);
    return fd_ >= 0 || fail(errno);
  }
  // A new name in a directory that is there.
  char parent[kMaxName];
  std::size_t size = strlen(path);
  if (size >= sizeof parent) return fail(ENAMETOOLONG);
  memcpy(parent, path, size + 1);
  char* slash = strrchr(parent, '/');
  const char* leaf = slash ? slash + 1 : parent;
  if (*leaf == 0 || strcmp(leaf, ".") == 0 || strcmp(leaf, "..") == 0) return fail(there ? ENOTDIR : ENOENT);
  if (strlen(leaf) >= sizeof rename_) return fail(ENAMETOOLONG);
  strcpy(rename_, leaf);
  if (slash) {
    slash[slash == parent ? 1 : 0] = 0;
  } else {
    strcpy(parent, ".");
  }
  fd_ = ::open(parent, kFlags);
  return fd_ >= 0 || fail(errno);
}

}  // namespace brig::tar
