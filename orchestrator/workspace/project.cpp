#include "workspace/project.hpp"

#include <grp.h>
#include <linux/magic.h>
#include <pwd.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <thread>

#include "core/paths.hpp"
#include "core/text.hpp"
#include "workspace/syscalls.hpp"

namespace brig::workspace {

namespace {

namespace fs = std::filesystem;

Error refuse(Code code, std::string message) {
  return Error{code, std::move(message), "workspace: project", false};
}

std::string named(std::string_view path) {
  return "The project " + brig::quoted(path, 200);
}

struct Opened {
  UniqueFd fd;
  int err = 0;
  bool readable = false;
};

Opened open_as_we_are(const std::string& path) {
  Opened opened;
  // Magic links (/proc/self/cwd, /proc/N/root) would lead to our own directories, not the caller's.
  opened.fd = open_beneath_links(AT_FDCWD, path.c_str(), O_PATH, RESOLVE_NO_MAGICLINKS);
  if (!opened.fd) {
    opened.err = errno;
    return opened;
  }
  UniqueFd read(::openat(opened.fd.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  opened.readable = static_cast<bool>(read);
  return opened;
}

// Sets who the kernel takes this thread for when it touches files. Raw calls: the C library would change all
// threads. Losing root's fsuid also takes the capabilities that override permissions.
bool become(const Identity& caller) {
  if (::syscall(SYS_setgroups, caller.groups.size(), caller.groups.data()) != 0) return false;
  ::setfsgid(caller.gid);
  ::setfsuid(caller.uid);
  return ::setfsgid(static_cast<gid_t>(-1)) == static_cast<int>(caller.gid) &&
         ::setfsuid(static_cast<uid_t>(-1)) == static_cast<int>(caller.uid);
}

Result<Opened> open_as(const std::string& path, const std::optional<Identity>& caller) {
  if (!caller || caller->uid == ::geteuid()) return open_as_we_are(path);
  // A thread of its own, which is gone afterwards: an identity that nobody has to take off again.
  Result<Opened> result = Opened{};
  std::thread([&] {
    if (become(*caller)) {
      result = open_as_we_are(path);
    } else {
      result = refuse(Code::denied, "Brig may not open " + named(path).substr(4) + " in the name of uid " +
                                        std::to_string(caller->uid) + ": brigd has to run as root");
    }
  }).join();
  return result;
}

const char* kind_of(mode_t mode) {
  if (S_ISREG(mode)) return "a file";
  if (S_ISSOCK(mode)) return "a socket";
  if (S_ISFIFO(mode)) return "a pipe";
  return "a device";
}

Error open_error(int err, std::string_view path) {
  switch (err) {
    case ENOENT:
      return refuse(Code::not_found, named(path) + " does not exist: create it, or name another directory");
    case ENOTDIR:
      return refuse(Code::invalid, named(path) + " leads through something that is not a directory");
    case EACCES:
    case EPERM:
      return refuse(Code::denied, named(path) + " is not open to you: ask its owner, or name another one");
    case ELOOP:
      return refuse(Code::invalid, named(path) + " leads through a loop of links or a link of /proc");
    case ENAMETOOLONG:
      return refuse(Code::invalid, named(path) + " has too long a name");
    default:
      return errno_error(err, named(path) + " cannot be opened", "workspace: project");
  }
}

// The whole of these is the system's.
constexpr std::array<std::string_view, 6> kSystemTrees = {"/proc", "/sys", "/dev", "/run", "/boot", "/etc"};
// These hold what belongs to everyone; a directory in them may be a project.
constexpr std::array<std::string_view, 9> kSystemTops = {"/usr",   "/bin", "/sbin", "/lib", "/lib32",
                                                         "/lib64", "/var", "/home", "/tmp"};

Result<void> check_system(const fs::path& real) {
  auto remedy = ": name a directory that holds your project and nothing else";
  if (real == "/") return refuse(Code::invalid, "The project '/' is the whole machine" + std::string(remedy));
  for (auto tree : kSystemTrees) {
    if (is_within(real, tree)) {
      return refuse(Code::invalid,
                    named(real.native()) + " belongs to the system (" + std::string(tree) + ")" + remedy);
    }
  }
  if (std::find(kSystemTops.begin(), kSystemTops.end(), real.native()) != kSystemTops.end()) {
    return refuse(Code::invalid, named(real.native()) + " belongs to the system" + remedy);
  }
  return {};
}

// File systems that show the kernel's state, wherever they are mounted.
Result<void> check_filesystem(int fd, const fs::path& real) {
  struct statfs st {};
  if (::fstatfs(fd, &st) != 0)
    return errno_error(errno, named(real.native()) + " cannot be looked at", "workspace");
  switch (static_cast<unsigned long>(st.f_type)) {
    case PROC_SUPER_MAGIC:
    case SYSFS_MAGIC:
    case DEVPTS_SUPER_MAGIC:
    case CGROUP_SUPER_MAGIC:
    case CGROUP2_SUPER_MAGIC:
    case DEBUGFS_MAGIC:
    case TRACEFS_MAGIC:
    case SECURITYFS_MAGIC:
    case SELINUX_MAGIC:
    case BPF_FS_MAGIC:
    case EFIVARFS_MAGIC:
    case PSTOREFS_MAGIC:
    case NSFS_MAGIC:
      return refuse(Code::invalid,
                    named(real.native()) + " shows the kernel's state, not files: name another directory");
    default:
      return {};
  }
}

struct Inode {
  dev_t dev = 0;
  ino_t ino = 0;
  bool operator==(const Inode&) const = default;
};

std::optional<Inode> inode_of(int at, const char* path, int flags) {
  struct stat st {};
  if (::fstatat(at, path, &st, flags) != 0) return std::nullopt;
  return Inode{st.st_dev, st.st_ino};
}

// Whether one of the project's parents, as the kernel knows them, is `place`.
bool lies_in(int project, const Inode& place) {
  UniqueFd at(::openat(project, ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  std::optional<Inode> previous;
  while (at) {
    auto here = inode_of(at.get(), "", AT_EMPTY_PATH);
    if (!here || (previous && *previous == *here)) return false;  // the root is its own parent
    if (*here == place) return true;
    previous = here;
    at = UniqueFd(::openat(at.get(), "..", O_PATH | O_DIRECTORY | O_CLOEXEC));
  }
  return false;
}

// By name and by inode, so that a bind mount under another name changes nothing.
Result<void> check_forbidden(int project, const fs::path& real, const Forbidden& place) {
  std::error_code ec;
  auto resolved = fs::weakly_canonical(place.path, ec);
  if (ec) resolved = place.path.lexically_normal();
  auto remedy = ": name a directory apart from it";
  auto what = place.what + " (" + printable(place.path.native()) + ")";
  auto self = inode_of(project, "", AT_EMPTY_PATH);
  auto there = inode_of(AT_FDCWD, resolved.c_str(), 0);
  if (real == resolved || (there && there == self)) {
    return refuse(Code::invalid, named(real.native()) + " is " + what + remedy);
  }
  if (is_within(real, resolved) || (there && lies_in(project, *there))) {
    return refuse(Code::invalid, named(real.native()) + " lies in " + what + remedy);
  }
  bool contains = is_within(resolved, real);
  for (auto up = resolved.parent_path(); !contains && up != up.root_path(); up = up.parent_path()) {
    auto inode = inode_of(AT_FDCWD, up.c_str(), 0);
    contains = inode && inode == self;
  }
  if (contains) return refuse(Code::invalid, named(real.native()) + " contains " + what + remedy);
  return {};
}

Result<fs::path> real_path(int fd, std::string_view asked) {
  std::array<char, 4097> text;
  auto link = "/proc/self/fd/" + std::to_string(fd);
  auto n = ::readlink(link.c_str(), text.data(), text.size());
  if (n <= 0 || static_cast<std::size_t>(n) == text.size() || text[0] != '/') {
    return refuse(Code::invalid, named(asked) + " has no path the kernel would tell");
  }
  return fs::path(std::string(text.data(), static_cast<std::size_t>(n)));
}

}  // namespace

Identity identity_of(uid_t uid, gid_t gid) {
  Identity identity{uid, gid, {}};
  std::array<char, 16384> buffer;
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 || !found) return identity;
  int count = 64;
  identity.groups.resize(static_cast<std::size_t>(count));
  if (::getgrouplist(entry.pw_name, gid, identity.groups.data(), &count) < 0) {
    count = std::clamp(count, 0, 65536);
    identity.groups.resize(static_cast<std::size_t>(count));
    if (::getgrouplist(entry.pw_name, gid, identity.groups.data(), &count) < 0) count = 0;
  }
  identity.groups.resize(static_cast<std::size_t>(std::max(count, 0)));
  return identity;
}

Result<Project> open_project(std::string_view path, const std::optional<Identity>& caller,
                             std::span<const Forbidden> forbidden) {
  if (path.empty()) return refuse(Code::invalid, "The project has an empty path: name a directory");
  if (path[0] != '/' || path.find('\0') != std::string_view::npos) {
    return refuse(Code::invalid, named(path) + " is not an absolute path: write it from '/' on");
  }
  if (path.size() > 4095) return refuse(Code::invalid, named(path) + " has too long a name");
  BRIG_TRY(Opened opened, open_as(std::string(path), caller));
  if (!opened.fd) return open_error(opened.err, path);

  struct stat st {};
  if (::fstat(opened.fd.get(), &st) != 0) return open_error(errno, path);
  if (!S_ISDIR(st.st_mode)) {
    return refuse(Code::invalid,
                  named(path) + " is " + kind_of(st.st_mode) + ", not a directory: name the directory");
  }
  if (st.st_nlink == 0) return open_error(ENOENT, path);
  BRIG_TRY(fs::path real, real_path(opened.fd.get(), path));
  BRIG_CHECK(check_system(real));
  BRIG_CHECK(check_filesystem(opened.fd.get(), real));
  for (auto& place : forbidden) BRIG_CHECK(check_forbidden(opened.fd.get(), real, place));
  if (!opened.readable) return open_error(EACCES, path);
  if (caller && caller->uid != 0 && caller->uid != st.st_uid) {
    return refuse(Code::denied, named(real.native()) + " belongs to uid " + std::to_string(st.st_uid) +
                                    ", not to you (uid " + std::to_string(caller->uid) +
                                    "): copy it to a directory of your own");
  }
  return Project{std::move(opened.fd), std::move(real), st.st_uid, st.st_gid, st.st_mode & 0777};
}

}  // namespace brig::workspace
