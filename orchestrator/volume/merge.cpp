#include "volume/merge.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>

#include "core/log.hpp"
#include "core/text.hpp"
#include "volume/files.hpp"

namespace brig::volume {
namespace {

constexpr std::size_t kMaxFile = 64 << 20;
constexpr std::size_t kMaxAll = 512 << 20;
constexpr std::size_t kMaxNames = 100'000;
constexpr int kDepth = 32;
constexpr const char* kTemporary = ".brig-merge";

struct CloseDirectory {
  void operator()(DIR* d) const { ::closedir(d); }
};

bool newer(const timespec& a, const timespec& b) {
  return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec > b.tv_nsec;
}

class Merge {
 public:
  Merge(int upper, int data, WallTime now) : upper_(upper), data_(data) {
    auto ms = now.time_since_epoch().count();
    now_ = {static_cast<time_t>(ms / 1000), static_cast<long>(ms % 1000) * 1'000'000};
  }

  void one(const std::string& path) {
    auto done = file(path);
    if (!done)
      log::warn("a file of a session's config stays behind", {{"file", path}, {"error", done.error()}});
  }

  void tree(const std::string& path, int depth) {
    auto directory = open_inside(upper_, path, O_RDONLY | O_DIRECTORY);
    if (!directory || depth > kDepth) return;
    std::unique_ptr<DIR, CloseDirectory> entries(::fdopendir(directory.release()));
    while (auto* entry = entries ? ::readdir(entries.get()) : nullptr) {
      std::string name = entry->d_name;
      if (name == "." || name == "..") continue;
      if (++names_ > kMaxNames) return;
      auto below = path + "/" + name;
      struct stat status {};
      auto fd = open_inside(upper_, below, O_PATH | O_NOFOLLOW);
      if (!fd || ::fstat(fd.get(), &status) != 0) continue;
      if (S_ISDIR(status.st_mode))
        tree(below, depth + 1);
      else
        one(below);
    }
  }

 private:
  Result<void> file(const std::string& path) {
    auto source = open_inside(upper_, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    struct stat from {};
    if (!source) {
      // A deletion shows as a device 0/0, which cannot be opened for reading as a file.
      auto mark = open_inside(upper_, path, O_PATH | O_NOFOLLOW);
      if (mark && ::fstat(mark.get(), &from) == 0 && S_ISCHR(from.st_mode) && from.st_rdev == 0)
        return deletion(path, from);
      return {};  // not touched
    }
    if (::fstat(source.get(), &from) != 0)
      return errno_error(errno, "cannot look at " + quoted(path), "volume");
    if (S_ISCHR(from.st_mode) && from.st_rdev == 0) return deletion(path, from);
    if (!S_ISREG(from.st_mode)) return Error{Code::invalid, "it is not a plain file", "volume", false};
    auto when = newer(from.st_mtim, now_) ? now_ : from.st_mtim;
    struct stat to {};
    auto standing = open_inside(data_, path, O_PATH | O_NOFOLLOW);
    if (standing && ::fstat(standing.get(), &to) == 0 && S_ISREG(to.st_mode) && !newer(when, to.st_mtim))
      return {};
    BRIG_TRY(std::string content, read_inside(upper_, path, kMaxFile));
    bytes_ += content.size();
    if (bytes_ > kMaxAll)
      return Error{Code::too_large, "the session wrote more than is brought back at once", "volume", false};
    return replace(path, content, from.st_mode & 0777, when);
  }

  Result<void> deletion(const std::string& path, const struct stat& mark) {
    struct stat to {};
    auto standing = open_inside(data_, path, O_PATH | O_NOFOLLOW);
    if (!standing || ::fstat(standing.get(), &to) != 0 || !S_ISREG(to.st_mode)) return {};
    if (newer(to.st_mtim, mark.st_ctim)) return {};  // somebody wrote it after it was deleted here
    std::string name;
    auto parent = parent_of(path, name);
    if (parent && ::unlinkat(parent.get(), name.c_str(), 0) != 0 && errno != ENOENT)
      return errno_error(errno, "cannot delete " + quoted(path), "volume");
    return {};
  }

  Result<void> replace(const std::string& path, const std::string& content, mode_t mode,
                       const timespec& when) {
    auto slash = path.rfind('/');
    if (slash != std::string::npos) {
      BRIG_TRY(auto missing, missing_points(data_, path.substr(0, slash), false));
      BRIG_CHECK(make_points(data_, missing));
    }
    std::string name;
    auto parent = parent_of(path, name);
    if (!parent) return errno_error(errno, "cannot open the directory of " + quoted(path), "volume");
    (void)::unlinkat(parent.get(), kTemporary, 0);
    UniqueFd fd(
        ::openat(parent.get(), kTemporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    std::string_view rest = content;
    while (fd && !rest.empty()) {
      auto n = ::write(fd.get(), rest.data(), rest.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) break;
      rest.remove_prefix(static_cast<std::size_t>(n));
    }
    const timespec times[2] = {when, when};
    bool done = fd && rest.empty() && ::fchown(fd.get(), kInside, kInside) == 0 &&
                ::fchmod(fd.get(), mode) == 0 && ::futimens(fd.get(), times) == 0 && ::fsync(fd.get()) == 0 &&
                ::renameat(parent.get(), kTemporary, parent.get(), name.c_str()) == 0;
    if (done) return {};
    int err = errno;
    (void)::unlinkat(parent.get(), kTemporary, 0);
    return errno_error(err, "cannot bring back " + quoted(path), "volume");
  }

  UniqueFd parent_of(const std::string& path, std::string& name) const {
    auto slash = path.rfind('/');
    name = slash == std::string::npos ? path : path.substr(slash + 1);
    return open_inside(data_, slash == std::string::npos ? "." : path.substr(0, slash), O_PATH | O_DIRECTORY);
  }

  int upper_;
  int data_;
  timespec now_{};
  std::size_t bytes_ = 0;
  std::size_t names_ = 0;
};

}  // namespace

Result<void> merge_back(const std::filesystem::path& upper, const std::filesystem::path& data,
                        const std::vector<std::string>& keep, WallTime now) {
  UniqueFd from(::open(upper.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!from && errno == ENOENT) return {};
  UniqueFd to(::open(data.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!from || !to) return errno_error(errno, "cannot open " + quoted(upper.native(), 256), "volume");
  Merge merge(from.get(), to.get(), now);
  for (const auto& path : keep) {
    if (path.ends_with('/'))
      merge.tree(path.substr(0, path.size() - 1), 0);
    else
      merge.one(path);
  }
  return {};
}

}  // namespace brig::volume
