#include "review/rights.hpp"

#include <fcntl.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>

#include <string>

#include "workspace/syscalls.hpp"

namespace brig::review {
namespace {

thread_local const workspace::Identity* the_owner = nullptr;
thread_local int root_depth = 0;  // AsRoot within AsRoot

void become(uid_t uid, gid_t gid) {
  // The group first: taking on a uid that is not root's takes away the right to.
  ::setfsgid(gid);
  ::setfsuid(uid);
}

bool is(uid_t uid, gid_t gid) {
  return ::setfsuid(static_cast<uid_t>(-1)) == static_cast<int>(uid) &&
         ::setfsgid(static_cast<gid_t>(-1)) == static_cast<int>(gid);
}

bool is_owners(int fd) {
  struct stat st {};
  return the_owner && ::fstat(fd, &st) == 0 && st.st_uid == the_owner->uid;
}

// As the owner, or, if that is refused, as root where `is_his` says that it is his.
template <class Open, class IsHis>
UniqueFd open_either_way(Open open, IsHis is_his) {
  UniqueFd fd(open());
  if (fd || errno != EACCES || !the_owner) return fd;
  AsRoot root;
  if (is_his()) fd.reset(open());
  if (!fd && errno == 0) errno = EACCES;
  return fd;
}

}  // namespace

Result<void> run_as(const workspace::Identity& owner, const std::function<void()>& work) {
  Result<void> result;
  std::thread([&] {
    if (owner.uid != 0) {
      bool grouped = ::syscall(SYS_setgroups, owner.groups.size(), owner.groups.data()) == 0;
      become(owner.uid, owner.gid);
      if (!grouped || !is(owner.uid, owner.gid)) {
        result = Error{Code::denied,
                       "Brig may not touch files in the name of uid " + std::to_string(owner.uid) +
                           ": brigd has to run as root",
                       "review", false};
        return;
      }
      the_owner = &owner;
    }
    work();
  }).join();
  return result;
}

AsRoot::AsRoot() {
  if (the_owner && root_depth++ == 0) become(0, 0);
}

AsRoot::~AsRoot() {
  int err = errno;
  if (the_owner && --root_depth == 0) become(the_owner->uid, the_owner->gid);
  errno = err;
}

UniqueFd look_at(int directory, const char* name) {
  auto open = [&] {
    return workspace::open_beneath_links(directory, name, O_PATH | O_NOFOLLOW,
                                         RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV)
        .release();
  };
  return open_either_way(open, [&] { return is_owners(directory); });
}

UniqueFd open_directory(int path) {
  auto open = [&] { return ::openat(path, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); };
  return open_either_way(open, [&] { return is_owners(path); });
}

UniqueFd open_file(int path) {
  if (!S_ISREG(stat_of(path).st_mode)) {
    errno = EINVAL;
    return {};
  }
  auto link = "/proc/self/fd/" + std::to_string(path);
  auto open = [&] { return ::open(link.c_str(), O_RDONLY | O_CLOEXEC); };
  return open_either_way(open, [&] { return is_owners(path); });
}

struct stat stat_of(int fd) {
  struct stat st {};
  if (::fstat(fd, &st) != 0) st.st_mode = 0;
  return st;
}

}  // namespace brig::review
