#include "review/settle.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>

#include "core/text.hpp"
#include "core/units.hpp"
#include "review/changes.hpp"
#include "review/copy.hpp"
#include "review/names.hpp"
#include "review/rights.hpp"
#include "workspace/overlay.hpp"
#include "workspace/syscalls.hpp"

namespace brig::review {
namespace {

constexpr std::uint64_t kBlock = 4096;
constexpr std::uint64_t kSpare = 1u << 20;  // for what the file system needs itself

Error failed(int err, std::string_view doing, const std::string& path) {
  return errno_error(err, std::string(doing) + " " + brig::quoted(spelled(path), 300), "review: settle");
}

bool vanished(int err) {
  return err == ENOENT || err == ENOTDIR || err == ESTALE;
}

Result<void> collect(const Tree& workspace, const Node& directory, const std::vector<std::string>& changing,
                     int depth, Renamed& out) {
  if (depth >= kMaxDepth) return {};
  BRIG_TRY(auto names, workspace.names(directory, Tree::Layers::uppers));
  for (const auto& name : names) {
    BRIG_TRY(Found found, workspace.find(directory, name));
    if (found.kind != Found::Kind::directory) continue;
    const auto& part = found.node.parts[workspace.project_layer()];
    bool takes = found.node.redirected && part.directory &&
                 std::any_of(changing.begin(), changing.end(),
                             [&](const auto& path) { return is_below(path, part.path); });
    if (takes) {
      out.taking.push_back(found.node.path);  // with all that is in it
    } else {
      if (found.node.redirected && !part.directory) out.settled.push_back(found.node.path);
      BRIG_CHECK(collect(workspace, found.node, changing, depth + 1, out));
    }
  }
  return {};
}

// Below the root of the workspace, or of its upper layer; no link leads elsewhere.
UniqueFd look_below(int root, const std::string& path) {
  return workspace::open_beneath_links(
      root, path.c_str(), O_PATH | O_NOFOLLOW,
      RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV);
}

Result<std::vector<std::string>> names_in(int directory, const std::string& path) {
  std::vector<std::string> names;
  struct Close {
    void operator()(DIR* d) const { ::closedir(d); }
  };
  std::unique_ptr<DIR, Close> entries(
      ::fdopendir(::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
  if (!entries && vanished(errno)) return names;
  if (!entries) return failed(errno, "Cannot list", path);
  while (auto* entry = ::readdir(entries.get())) {
    std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  return names;
}

// As brigd itself, for what it touches may be shut, and belongs to whom it belongs.
class Settling {
 public:
  Settling(const Stack& stack, const Tree& workspace, int overlay, int upper)
      : stack_(stack), workspace_(workspace), overlay_(overlay), upper_(upper) {}

  Result<void> check_room(const std::vector<std::string>& directories) {
    std::uint64_t bytes = 0, files = 0;
    for (const auto& directory : directories) {
      BRIG_CHECK(walk(directory, 0, [&](const std::string&, int, const struct stat& st) -> Result<void> {
        ++files;
        bytes += static_cast<std::uint64_t>(S_ISREG(st.st_mode) ? st.st_blocks * 512 : 0) + kBlock;
        return {};
      }));
    }
    struct statvfs room {};
    if (files == 0 || ::fstatvfs(overlay_, &room) != 0) return {};
    auto free = static_cast<std::uint64_t>(room.f_bavail) * room.f_frsize;
    if (bytes + kSpare <= free && (room.f_files == 0 || files < room.f_favail)) return {};
    return Error{Code::exhausted,
                 "What " + stack_.called + " has not written yet of directories it renamed, such as " +
                     shown(directories[0]) + ", has to be copied into its workspace first: " +
                     std::to_string(files) + " files, " + format_size(bytes) + ", where " +
                     format_size(free) + " are left. Free space in there, or leave those directories out",
                 "review: settle", false};
  }

  Result<void> copy(const std::vector<std::string>& directories) {
    for (const auto& directory : directories) {
      BRIG_CHECK(walk(directory, 0, [&](const std::string& path, int fd, const struct stat& st) {
        return copy_up(path, fd, st);
      }));
    }
    // Not before everything is there: what is opaque shows nothing of below.
    if (::syncfs(upper_) != 0) return failed(errno, "Cannot keep what was copied of", directories[0]);
    for (const auto& directory : directories) BRIG_CHECK(close_off(directory, 0, true));
    if (::syncfs(upper_) != 0) return failed(errno, "Cannot keep what was copied of", directories[0]);
    return {};
  }

  // Whoever is in a directory, or has something of it open, goes on seeing it as the kernel read it then.
  Result<void> check_seen(const std::vector<std::string>& directories) const {
    for (const auto& directory : directories) {
      UniqueFd seen = look_below(overlay_, directory), kept = look_below(upper_, directory);
      if (!seen || !kept) continue;
      // The kernel gives a directory of several layers one link, whatever it has. (Where all directories
      // have one, this cannot be told.)
      if (stat_of(seen.get()).st_nlink != 1 || stat_of(kept.get()).st_nlink == 1) continue;
      return Error{Code::conflict,
                   "A process of " + stack_.called + " is in " + shown(directory) +
                       ", which was renamed there, or has something of it open, and would see it without the "
                       "files that it takes from the project: have it leave, or stop the session",
                   "review: settle", true};
    }
    return {};
  }

 private:
  using Visit = std::function<Result<void>(const std::string&, int, const struct stat&)>;

  static std::string shown(const std::string& path) { return brig::quoted(spelled(path), 300); }

  bool is_own(const std::string& path) const { return bool(look_below(upper_, path)); }

  // What is there and not in the upper layer yet; a directory before what is in it.
  Result<void> walk(const std::string& path, int depth, const Visit& visit) {
    UniqueFd fd = look_below(overlay_, path);
    if (!fd && vanished(errno)) return {};
    if (!fd) return failed(errno, "Cannot look at", path);
    auto st = stat_of(fd.get());
    if (!is_own(path)) BRIG_CHECK(visit(path, fd.get(), st));
    if (!S_ISDIR(st.st_mode)) return {};
    if (depth >= kMaxDepth) {
      return Error{Code::too_large,
                   shown(path) + " lies more than " + std::to_string(kMaxDepth) +
                       " directories deep in a directory that was renamed",
                   "review: settle", false};
    }
    BRIG_TRY(auto names, names_in(fd.get(), path));
    for (const auto& name : names) BRIG_CHECK(walk(joined(path, name), depth + 1, visit));
    return {};
  }

  // Changing nothing about a file has the kernel copy it. A new owner takes set-id bits away, so that those
  // files get their mode anew instead.
  Result<void> copy_up(const std::string& path, int fd, const struct stat& st) {
    bool bits = !S_ISLNK(st.st_mode) && (st.st_mode & (S_ISUID | S_ISGID)) != 0;
    auto link = "/proc/self/fd/" + std::to_string(fd);
    int done = bits ? ::chmod(link.c_str(), st.st_mode & 07777)
                    : ::fchownat(fd, "", static_cast<uid_t>(-1), static_cast<gid_t>(-1), AT_EMPTY_PATH);
    if (done == 0 || vanished(errno)) return {};
    if (errno == EOVERFLOW) return put(path);
    return no_room_or(failed(errno, "Cannot copy into the workspace", path), path);
  }

  // What belongs to somebody who is nobody in the sandbox the kernel neither copies nor replaces, so it is
  // put into the layer itself, where it is the same one's.
  Result<void> put(const std::string& path) {
    BRIG_TRY(Found from, workspace_.find(path));
    UniqueFd parent = look_below(upper_, std::string(parent_of(path)));
    if (from.kind == Found::Kind::absent || !parent) return {};
    auto name = std::string(name_of(path));
    const auto& st = from.st;
    bool done = false;
    if (S_ISREG(st.st_mode)) {
      UniqueFd source = open_file(from.fd.get());
      UniqueFd to(::openat(parent.get(), ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600));
      if (!source || !to) return failed(errno, "Cannot copy into the workspace", path);
      if (auto copied = copy_content(source.get(), to.get()); !copied)
        return no_room_or(copied.error(), path);
      done = ::fchown(to.get(), st.st_uid, st.st_gid) == 0 && ::fchmod(to.get(), st.st_mode & 07777) == 0 &&
             ::futimens(to.get(), std::array{st.st_atim, st.st_mtim}.data()) == 0 &&
             ::linkat(to.get(), "", parent.get(), name.c_str(), AT_EMPTY_PATH) == 0;
    } else {
      if (S_ISLNK(st.st_mode)) {
        BRIG_TRY(std::string target, link_target(from.fd.get()));
        done = ::symlinkat(target.c_str(), parent.get(), name.c_str()) == 0;
      } else if (S_ISDIR(st.st_mode)) {
        done = ::mkdirat(parent.get(), name.c_str(), 0700) == 0;
      } else {
        done = ::mknodat(parent.get(), name.c_str(), (st.st_mode & S_IFMT) | 0600, st.st_rdev) == 0;
      }
      done = done && ::fchownat(parent.get(), name.c_str(), st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) == 0 &&
             (S_ISLNK(st.st_mode) || ::fchmodat(parent.get(), name.c_str(), st.st_mode & 07777, 0) == 0);
    }
    return done ? Result<void>() : no_room_or(failed(errno, "Cannot copy into the workspace", path), path);
  }

  Error no_room_or(Error error, const std::string& path) const {
    if (error.code != Code::exhausted) return error;
    return Error{Code::exhausted,
                 "There is no room in the workspace of " + stack_.called + " for " + shown(path) +
                     ", which it has not written and whose directory it renamed: free space in there",
                 "review: settle", false};
  }

  // `all`: else those that say themselves where they were.
  Result<void> close_off(const std::string& path, int depth, bool all) {
    UniqueFd fd = look_below(upper_, path);
    if (!fd || !S_ISDIR(stat_of(fd.get()).st_mode) || depth > kMaxDepth) return {};
    auto link = "/proc/self/fd/" + std::to_string(fd.get());
    if (all || ::getxattr(link.c_str(), "trusted.overlay.redirect", nullptr, 0) > 0) {
      if (::setxattr(link.c_str(), "trusted.overlay.opaque", "y", 1, 0) != 0)
        return failed(errno, "Cannot close off", path);
    }
    BRIG_TRY(auto names, names_in(fd.get(), path));
    for (const auto& name : names) BRIG_CHECK(close_off(joined(path, name), depth + 1, false));
    return {};
  }

  const Stack& stack_;
  const Tree& workspace_;
  int overlay_;
  int upper_;
};

std::uint64_t image_size(const std::filesystem::path& layer) {
  std::error_code ec;
  auto size = std::filesystem::file_size(layer / "disk.img", ec);
  return ec ? 0 : size;
}

struct Overlay {
  UniqueFd root;
  bool running = false;
};

// The one that is mounted, or another of the same layers.
Result<Overlay> open_overlay(const StatePaths& paths, workspace::Mounter& mounter, const Stack& stack,
                             const workspace::Project& project) {
  auto place = stack.session / "workspace";
  UniqueFd mounted(::open(place.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (stack.of_session && mounted && workspace::is_mount_root(mounted.get()))
    return Overlay{std::move(mounted), true};
  workspace::MountSpec spec;
  spec.session = stack.session;
  spec.layer = paths.layer(stack.own);
  for (const auto& id : stack.frozen) spec.frozen.push_back(paths.layer(id));
  spec.project = &project;
  spec.disk_bytes = image_size(spec.layer);
  if (spec.disk_bytes == 0 && !std::filesystem::exists(spec.layer) && !spec.frozen.empty())
    spec.disk_bytes = image_size(spec.frozen.front());
  BRIG_TRY(UniqueFd mount, mounter.stack(spec));
  return Overlay{std::move(mount), false};
}

}  // namespace

Result<Renamed> find_renamed(const Tree& workspace, const std::vector<std::string>& changing) {
  Renamed out;
  if (changing.empty()) return out;
  BRIG_TRY(Node root, workspace.root());
  BRIG_CHECK(collect(workspace, root, changing, 0, out));
  return out;
}

Result<void> settle(const StatePaths& paths, workspace::Mounter& mounter, const Stack& stack,
                    const Source& source, const Renamed& renamed) {
  if (renamed.none()) return {};
  BRIG_TRY(Overlay overlay, open_overlay(paths, mounter, stack, *source.project));
  BRIG_TRY(UniqueFd upper, workspace::open_upper(paths.layer(stack.own)));
  Settling settling(stack, source.trees.workspace, overlay.root.get(), upper.get());
  if (!renamed.taking.empty()) {
    BRIG_CHECK(settling.check_room(renamed.taking));
    BRIG_CHECK(settling.copy(renamed.taking));
  }
  if (!overlay.running) return {};
  BRIG_CHECK(workspace::look_again(stack.session / "workspace"));
  BRIG_CHECK(settling.check_seen(renamed.taking));
  return settling.check_seen(renamed.settled);
}

}  // namespace brig::review
