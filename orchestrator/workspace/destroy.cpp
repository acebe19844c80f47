// Deleting a tree that a stranger has filled: links are never followed, nothing is walked by name from above,
// mounts are not crossed, and neither depth nor breadth costs memory or descriptors without bound.
#include <dirent.h>
#include <sys/stat.h>

#include <memory>

#include "core/text.hpp"
#include "workspace/mounter.hpp"
#include "workspace/syscalls.hpp"

namespace brig::workspace {

namespace {

// Directories deeper than this are moved up to the top and emptied from there.
constexpr int kDepth = 32;
// Somebody who keeps filling what we empty is not waited for for ever.
constexpr int kPasses = 100;

struct CloseDirectory {
  void operator()(DIR* d) const { ::closedir(d); }
};

class Remover {
 public:
  explicit Remover(int top, dev_t device) : top_(top), device_(device) {}

  // Nothing is deleted while the workspace is mounted on top of what would go first.
  Result<void> check_top() {
    BRIG_TRY(auto entries, list(top_));
    while (auto* entry = ::readdir(entries.get())) {
      std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      auto fd = open_directory(top_, entry->d_name);
      if (fd && is_mount_root(fd.get())) return failed(EBUSY, name);
    }
    return {};
  }

  Result<void> empty_top() {
    for (int pass = 0; pass < kPasses;) {
      moved_ = false;
      bool found = false;
      BRIG_CHECK(empty(top_, 0, found));
      if (!found) return {};
      if (!moved_) ++pass;
    }
    return Error{Code::conflict, "A session's directory is still being written to while it is deleted",
                 "workspace: destroy", true};
  }

 private:
  Error failed(int err, std::string_view name) const {
    if (err == EBUSY || err == EXDEV) {
      return Error{
          Code::conflict,
          "A session's directory still has something mounted at " + brig::quoted(name) + ": unmount it first",
          "workspace: destroy", false};
    }
    return errno_error(err, "Cannot delete " + brig::quoted(name), "workspace: destroy");
  }

  Result<std::unique_ptr<DIR, CloseDirectory>> list(int directory) const {
    int again = ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    std::unique_ptr<DIR, CloseDirectory> entries(again < 0 ? nullptr : ::fdopendir(again));
    if (!entries) return failed(errno, "a directory");
    return entries;
  }

  // One pass over a directory; `found` tells whether there was anything.
  Result<void> empty(int directory, int depth, bool& found) {
    BRIG_TRY(auto entries, list(directory));
    while (true) {
      errno = 0;
      auto* entry = ::readdir(entries.get());
      if (!entry) {
        if (errno != 0) return failed(errno, "a directory");
        return {};
      }
      std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      found = true;
      BRIG_CHECK(remove(directory, entry->d_name, depth));
    }
  }

  Result<void> remove(int directory, const char* name, int depth) {
    if (::unlinkat(directory, name, 0) == 0 || errno == ENOENT) return {};
    if (errno != EISDIR && errno != EPERM) return failed(errno, name);
    if (::unlinkat(directory, name, AT_REMOVEDIR) == 0 || errno == ENOENT) return {};
    if (errno != ENOTEMPTY && errno != EEXIST) return failed(errno, name);
    if (depth >= kDepth) {
      moved_ = true;
      auto up = "deep-" + std::to_string(++count_);
      if (::renameat2(directory, name, top_, up.c_str(), RENAME_NOREPLACE) == 0 || errno == ENOENT ||
          errno == EEXIST) {
        return {};
      }
      return failed(errno, name);
    }
    UniqueFd sub(::openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!sub) return errno == ENOENT ? Result<void>{} : failed(errno, name);
    struct stat st {};
    if (::fstat(sub.get(), &st) != 0) return failed(errno, name);
    if (st.st_dev != device_ || is_mount_root(sub.get())) return failed(EXDEV, name);
    bool found = false;
    BRIG_CHECK(empty(sub.get(), depth + 1, found));
    if (::unlinkat(directory, name, AT_REMOVEDIR) == 0 || errno == ENOENT || errno == ENOTEMPTY) return {};
    return failed(errno, name);
  }

  int top_;
  dev_t device_;
  bool moved_ = false;
  std::uint64_t count_ = 0;
};

}  // namespace

Result<void> destroy(const std::filesystem::path& session) {
  UniqueFd top(::open(session.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!top) {
    if (errno == ENOENT) return {};
    return errno_error(errno, "Cannot open " + brig::quoted(session.native(), 200), "workspace: destroy");
  }
  struct stat st {};
  if (::fstat(top.get(), &st) != 0)
    return errno_error(errno, "Cannot look at a session's directory", "workspace");
  if (is_mount_root(top.get())) {
    return Error{Code::conflict, "Something is mounted at " + brig::quoted(session.native(), 200),
                 "workspace: destroy", false};
  }
  Remover remover(top.get(), st.st_dev);
  BRIG_CHECK(remover.check_top());
  BRIG_CHECK(remover.empty_top());
  if (::rmdir(session.c_str()) != 0 && errno != ENOENT) {
    return errno_error(errno, "Cannot delete " + brig::quoted(session.native(), 200), "workspace: destroy");
  }
  return {};
}

}  // namespace brig::workspace
