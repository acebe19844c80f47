#include "volume/files.hpp"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>

#include "core/text.hpp"
#include "volume/disk.hpp"
#include "workspace/syscalls.hpp"

namespace brig::volume {
namespace {

constexpr int kDepth = 256;  // as archives are
constexpr std::size_t kMaxEntries = 1'000'000;

Error failed(int err, std::string_view doing, std::string_view name) {
  return errno_error(err, std::string(doing) + " " + quoted(name, 256), "volume");
}

struct CloseDirectory {
  void operator()(DIR* d) const { ::closedir(d); }
};

Result<void> make_directory(const std::filesystem::path& path, mode_t mode) {
  // chmod as well: the umask of a service that keeps secrets is tight.
  if ((::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) || ::chmod(path.c_str(), mode) != 0)
    return failed(errno, "cannot make the directory", path.native());
  return {};
}

Result<void> give(int fd, std::string_view name) {
  if (::fchown(fd, kInside, kInside) != 0) return failed(errno, "cannot hand over", name);
  return {};
}

// Every name below `directory`; links change hands themselves, not what they lead to.
Result<void> give_tree(int directory, dev_t device, int depth, std::size_t& budget) {
  if (depth > kDepth)
    return Error{Code::too_large,
                 "a config volume is nested deeper than " + std::to_string(kDepth) +
                     " directories, so it cannot be handed over; make it shallower",
                 "volume", false};
  int again = ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  std::unique_ptr<DIR, CloseDirectory> entries(again < 0 ? nullptr : ::fdopendir(again));
  if (!entries) return failed(errno, "cannot list", "a directory of a config volume");
  while (auto* entry = ::readdir(entries.get())) {
    std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (budget-- == 0)
      return Error{Code::too_large,
                   "a config volume holds more than " + std::to_string(kMaxEntries) +
                       " files, so it cannot be handed over; remove some",
                   "volume", false};
    struct stat status {};
    if (::fstatat(directory, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) continue;  // gone meanwhile
    if ((status.st_uid != kInside || status.st_gid != kInside) &&
        ::fchownat(directory, entry->d_name, kInside, kInside, AT_SYMLINK_NOFOLLOW) != 0 && errno != ENOENT)
      return failed(errno, "cannot hand over", name);
    if (!S_ISDIR(status.st_mode)) continue;
    UniqueFd below(::openat(directory, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!below || status.st_dev != device || workspace::is_mount_root(below.get())) continue;
    BRIG_CHECK(give_tree(below.get(), device, depth + 1, budget));
  }
  return {};
}

Result<void> make_file(int data, const std::string& file, std::string_view initial) {
  UniqueFd fd(::openat(data, file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (fd) {
    if (::write(fd.get(), initial.data(), initial.size()) != static_cast<ssize_t>(initial.size()))
      return failed(errno, "cannot write", file);
    return give(fd.get(), file);
  }
  if (errno != EEXIST) return failed(errno, "cannot make", file);
  struct stat status {};
  if (::fstatat(data, file.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode))
    return Error{Code::conflict,
                 quoted(file) + " in its config volume is no regular file; put a file in its place", "volume",
                 false};
  if (::fchownat(data, file.c_str(), kInside, kInside, AT_SYMLINK_NOFOLLOW) != 0)
    return failed(errno, "cannot hand over", file);
  return {};
}

bool is_empty_directory(int directory) {
  int again = ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  std::unique_ptr<DIR, CloseDirectory> entries(again < 0 ? nullptr : ::fdopendir(again));
  while (auto* entry = entries ? ::readdir(entries.get()) : nullptr) {
    std::string_view name = entry->d_name;
    if (name != "." && name != "..") return false;
  }
  return entries != nullptr;
}

// The directory that `path` is to be made or removed in, and its last part.
UniqueFd parent_of(int directory, const std::string& path, std::string& name) {
  auto slash = path.rfind('/');
  name = slash == std::string::npos ? path : path.substr(slash + 1);
  return open_inside(directory, slash == std::string::npos ? "." : path.substr(0, slash),
                     O_PATH | O_DIRECTORY);
}

Error in_the_way(const std::string& path) {
  return Error{
      Code::denied,
      "nothing can be mounted at " + quoted(path, 256) +
          " in a config volume: a link or something of another kind stands in the way; remove it from "
          "the volume",
      "volume", false};
}

}  // namespace

UniqueFd open_inside(int directory, const std::string& relative, int flags) {
  return workspace::open_beneath_links(directory, relative.c_str(), static_cast<std::uint64_t>(flags),
                                       RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
}

Result<std::string> read_inside(int directory, const std::string& relative, std::size_t max) {
  auto fd = open_inside(directory, relative, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!fd && (errno == ENOENT || errno == ENOTDIR))
    return Error{Code::not_found, "there is no " + quoted(relative), "volume", false};
  auto odd = Error{Code::invalid, quoted(relative) + " is not a plain file", "volume", false};
  if (!fd) return odd;
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return odd;
  std::string out;
  char buffer[65536];
  while (true) {
    auto n = ::read(fd.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed(errno, "cannot read", relative);
    if (n == 0) return out;
    if (out.size() + static_cast<std::size_t>(n) > max)
      return Error{Code::too_large, quoted(relative) + " is larger than " + std::to_string(max) + " bytes",
                   "volume", false};
    out.append(buffer, static_cast<std::size_t>(n));
  }
}

Result<void> make_volume(const std::filesystem::path& dir, std::uint64_t bytes, const std::string& file,
                         std::string_view initial, bool first) {
  BRIG_CHECK(make_directory(dir.parent_path(), 0700));
  BRIG_CHECK(make_directory(dir, 0700));
  auto path = dir / "data";
  if (bytes > 0) {
    BRIG_TRY(bool something, mount_volume(dir, bytes));
    first |= something;
  }
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return failed(errno, "cannot make the directory", path.native());
  UniqueFd data(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!data) return failed(errno, "cannot open the config volume", path.native());
  BRIG_CHECK(give(data.get(), path.native()));
  if (first) {
    struct stat status {};
    if (::fstat(data.get(), &status) != 0) return failed(errno, "cannot look at", path.native());
    auto budget = kMaxEntries;
    BRIG_CHECK(give_tree(data.get(), status.st_dev, 0, budget));
  }
  if (!file.empty()) BRIG_CHECK(make_file(data.get(), file, initial));
  return {};
}

Result<std::vector<Point>> missing_points(int directory, const std::string& relative, bool file) {
  std::vector<Point> out;
  std::string path;
  auto parts = split(relative, '/');
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].empty() || parts[i] == "." || parts[i] == "..") return in_the_way(relative);
    path += (i == 0 ? "" : "/") + std::string(parts[i]);
    bool as_file = file && i + 1 == parts.size();
    auto fd = open_inside(directory, path, O_PATH | O_NOFOLLOW);
    struct stat status {};
    if (fd && ::fstat(fd.get(), &status) != 0) return failed(errno, "cannot look at", path);
    if (!fd && errno != ENOENT) return in_the_way(path);
    if (fd && (as_file ? !S_ISREG(status.st_mode) : !S_ISDIR(status.st_mode))) return in_the_way(path);
    bool empty = !fd || (as_file ? status.st_size == 0 : is_empty_directory(fd.get()));
    if (empty) out.push_back({path, as_file});
  }
  return out;
}

Result<void> make_points(int directory, const std::vector<Point>& points) {
  for (const auto& point : points) {
    std::string name;
    auto parent = parent_of(directory, point.path, name);
    if (!parent) return in_the_way(point.path);
    if (point.file) {
      UniqueFd fd(
          ::openat(parent.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
      if (fd) BRIG_CHECK(give(fd.get(), point.path));
      if (!fd && errno != EEXIST) return failed(errno, "cannot make a place to mount on at", point.path);
    } else if (::mkdirat(parent.get(), name.c_str(), 0700) == 0) {
      if (::fchownat(parent.get(), name.c_str(), kInside, kInside, AT_SYMLINK_NOFOLLOW) != 0)
        return failed(errno, "cannot hand over", point.path);
    } else if (errno != EEXIST) {
      return failed(errno, "cannot make a place to mount on at", point.path);
    }
  }
  return {};
}

void remove_points(int directory, const std::vector<Point>& points) {
  for (auto point = points.rbegin(); point != points.rend(); ++point) {
    std::string name;
    auto parent = parent_of(directory, point->path, name);
    if (!parent) continue;
    if (!point->file) {
      (void)::unlinkat(parent.get(), name.c_str(), AT_REMOVEDIR);  // refuses what is not empty
      continue;
    }
    struct stat status {};
    if (::fstatat(parent.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode) &&
        status.st_size == 0)
      (void)::unlinkat(parent.get(), name.c_str(), 0);
  }
}

}  // namespace brig::volume
