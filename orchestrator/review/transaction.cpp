#include "review/transaction.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <memory>

#include "core/text.hpp"
#include "review/copy.hpp"
#include "review/rights.hpp"
#include "workspace/syscalls.hpp"

namespace brig::review {
namespace {

constexpr std::uint64_t kWithin =
    RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
constexpr mode_t kBits = 07777;

std::string shown(const std::string& path) {
  return brig::quoted(spelled(path), 300);
}

Error failed(int err, const char* doing, const std::string& path) {
  if (err == EXDEV) {
    return Error{
        Code::unsupported,
        shown(path) +
            " lies on another file system mounted in the project, which no sandbox sees: leave it out",
        "review: apply", false};
  }
  if (err == EINVAL) {
    return Error{Code::unsupported,
                 "The project's file system cannot exchange two files in one step, so " + shown(path) +
                     " cannot be replaced safely: use `brig diff` and `git apply`",
                 "review: apply", false};
  }
  auto error = errno_error(err, std::string(doing) + " " + shown(path), "review: apply");
  if (error.code == Code::exhausted) error.message += "; free space on the project's file system";
  return error;
}

Error changed(const std::string& path) {
  return Error{Code::conflict,
               shown(path) + " was changed on the host at this very moment; nothing was applied",
               "review: apply", true};
}

Identity look(int directory, const std::string& name) {
  struct stat st {};
  if (::fstatat(directory, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) return {};
  return Identity::of(st);
}

bool move(int from, const std::string& name, int to, const std::string& new_name, unsigned flags) {
  return ::renameat2(from, name.c_str(), to, new_name.c_str(), flags) == 0;
}

std::string slot(std::size_t i) {
  return std::to_string(i);
}

bool is_put(const Operation& o) {
  return o.after != 0 && !S_ISDIR(o.after);
}
bool was_directory(const Operation& o) {
  return S_ISDIR(o.before.mode);
}

}  // namespace

Transaction::Transaction(const Plan& plan, int project, Content content, Step step)
    : plan_(plan),
      project_(project),
      content_(std::move(content)),
      step_(std::move(step)),
      room_(".brig-" + plan.id) {}

Result<Transaction::Where> Transaction::where(const std::string& path) const {
  auto directory = std::string(parent_of(path));
  auto parent = directory.empty() ? UniqueFd(::openat(project_, ".", O_PATH | O_DIRECTORY | O_CLOEXEC))
                                  : workspace::open_beneath_links(project_, directory.c_str(),
                                                                  O_PATH | O_DIRECTORY, kWithin);
  if (!parent) {
    // What was a directory is none any more, or leads elsewhere.
    if (errno == ELOOP || errno == ENOTDIR || errno == ENOENT) return changed(path);
    return failed(errno, "Cannot reach", path);
  }
  return Where{std::move(parent), std::string(name_of(path))};
}

Result<UniqueFd> Transaction::open_room() const {
  UniqueFd room(::openat(project_, room_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!room) return failed(errno, "Cannot open", room_);
  return room;
}

Result<void> Transaction::make_new(std::size_t i, int room) {
  const auto& o = plan_.operations[i];
  auto name = slot(i);
  step();
  if (S_ISLNK(o.after)) {
    if (::symlinkat(o.target.c_str(), room, name.c_str()) != 0) return failed(errno, "Cannot make", o.path);
    return {};
  }
  if (S_ISFIFO(o.after)) {
    if (::mknodat(room, name.c_str(), S_IFIFO | 0600, 0) != 0 ||
        ::fchmodat(room, name.c_str(), o.after & 0777, 0) != 0)
      return failed(errno, "Cannot make", o.path);
    return {};
  }
  UniqueFd file(::openat(room, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return failed(errno, "Cannot make", o.path);
  UniqueFd from;
  {
    AsRoot root;
    from.reset(::open(content_(i).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  }
  if (!from) return failed(errno, "Cannot read what is to become", o.path);
  step();
  auto copied = copy_content(from.get(), file.get());
  if (!copied) {
    auto error = std::move(copied).error();
    error.message = "Cannot write " + shown(o.path) + error.message;
    if (error.code == Code::exhausted) error.message += "; free space on the project's file system";
    return error;
  }
  // Only where the owner is a member of it; else it is his own group's, as anything he makes.
  if (o.before.exists() && ::fchown(file.get(), static_cast<uid_t>(-1), o.group) != 0 && errno != EPERM)
    return failed(errno, "Cannot set the group of", o.path);
  if (::fchmod(file.get(), o.after & kBits) != 0) return failed(errno, "Cannot set the mode of", o.path);
  return {};
}

Result<std::vector<std::uint64_t>> Transaction::prepare() {
  BRIG_CHECK(clean());
  step();
  if (::mkdirat(project_, room_.c_str(), 0700) != 0)
    return failed(errno, "Cannot prepare in the project", room_);
  BRIG_TRY(UniqueFd room, open_room());
  std::vector<std::uint64_t> inodes(plan_.operations.size());
  for (std::size_t i = 0; i < plan_.operations.size(); ++i) {
    if (!is_put(plan_.operations[i])) continue;
    BRIG_CHECK(make_new(i, room.get()));
    inodes[i] = look(room.get(), slot(i)).inode;
  }
  step();
  if (::syncfs(room.get()) != 0) return failed(errno, "Cannot keep what was prepared in", room_);
  return inodes;
}

Result<void> Transaction::put(std::size_t i, int room, std::uint64_t inode, bool again) {
  const auto& o = plan_.operations[i];
  BRIG_TRY(Where at, where(o.path));
  auto now = look(at.parent.get(), at.name);
  if (again && now.exists() && now.inode == inode) {
    auto old = look(room, slot(i));
    if (!o.before.exists() || was_directory(o) || !old.exists() || o.before.is_renamed(old)) return {};
    return changed(o.path);
  }
  step();
  if (!o.before.exists() || was_directory(o)) {
    if (move(room, slot(i), at.parent.get(), at.name, RENAME_NOREPLACE)) return {};
    return errno == EEXIST ? changed(o.path) : failed(errno, "Cannot put in place", o.path);
  }
  if (!(now == o.before) && !(again && o.before.is_renamed(now))) return changed(o.path);
  if (!move(room, slot(i), at.parent.get(), at.name, RENAME_EXCHANGE))
    return errno == ENOENT ? changed(o.path) : failed(errno, "Cannot put in place", o.path);
  // take_back() gives it back if this is not what was there when we looked.
  return o.before.is_renamed(look(room, slot(i))) ? Result<void>() : changed(o.path);
}

Result<void> Transaction::take_away(std::size_t i, int room, bool again) {
  const auto& o = plan_.operations[i];
  BRIG_TRY(Where at, where(o.path));
  auto now = look(at.parent.get(), at.name);
  if (again && !now.exists()) return {};
  if (!(now == o.before) && !(again && o.before.is_renamed(now))) return changed(o.path);
  step();
  if (!move(at.parent.get(), at.name, room, slot(i), RENAME_NOREPLACE))
    return errno == ENOENT ? changed(o.path) : failed(errno, "Cannot take away", o.path);
  return o.before.is_renamed(look(room, slot(i))) ? Result<void>() : changed(o.path);
}

Result<void> Transaction::set_mode(const std::string& path, mode_t mode) {
  BRIG_TRY(Where at, where(path));
  auto directory = workspace::open_directory(at.parent.get(), at.name.c_str());
  if (!directory)
    return errno == ENOENT || errno == ENOTDIR ? changed(path) : failed(errno, "Cannot reach", path);
  if ((stat_of(directory.get()).st_mode & kBits) == (mode & kBits)) return {};
  step();
  // By way of /proc: fchmod() takes no O_PATH descriptor, and he may not be able to read it.
  if (::chmod(("/proc/self/fd/" + std::to_string(directory.get())).c_str(), mode & kBits) != 0)
    return failed(errno, "Cannot set the mode of", path);
  return {};
}

Result<void> Transaction::make_directory(const Operation& o, bool again) {
  BRIG_TRY(Where at, where(o.path));
  step();
  if (::mkdirat(at.parent.get(), at.name.c_str(), 0700) == 0) return {};
  if (errno != EEXIST) return failed(errno, "Cannot make the directory", o.path);
  return again && S_ISDIR(look(at.parent.get(), at.name).mode) ? Result<void>() : changed(o.path);
}

Result<void> Transaction::remove_directory(const Operation& o) {
  BRIG_TRY(Where at, where(o.path));
  step();
  if (::unlinkat(at.parent.get(), at.name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return {};
  // Somebody put something into it, or something else in its place.
  if (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR) return changed(o.path);
  return failed(errno, "Cannot remove the directory", o.path);
}

Result<void> Transaction::swap(const std::vector<std::uint64_t>& inodes, bool again) {
  BRIG_TRY(UniqueFd room, open_room());
  const auto& all = plan_.operations;
  auto each = [&](bool deepest_first, auto&& which, auto&& act) -> Result<void> {
    for (std::size_t k = 0; k < all.size(); ++k) {
      auto i = deepest_first ? all.size() - 1 - k : k;
      if (which(all[i])) BRIG_CHECK(act(i));
    }
    return {};
  };
  // A directory that goes, or that gets another mode, may be shut to its owner.
  BRIG_CHECK(each(
      false, [](const Operation& o) { return was_directory(o) && (o.before.mode & 0700) != 0700; },
      [&](std::size_t i) -> Result<void> {
        auto done = set_mode(all[i].path, all[i].before.mode | 0700);
        if (!done && again && !S_ISDIR(all[i].after)) return {};  // it has gone already
        return done;
      }));
  BRIG_CHECK(each(
      true,
      [](const Operation& o) {
        return o.before.exists() && !was_directory(o) && (o.after == 0 || S_ISDIR(o.after));
      },
      [&](std::size_t i) -> Result<void> {
        if (again && look(room.get(), slot(i)).exists()) return {};
        return take_away(i, room.get(), again);
      }));
  BRIG_CHECK(each(
      true, [](const Operation& o) { return was_directory(o) && !S_ISDIR(o.after); },
      [&](std::size_t i) -> Result<void> {
        if (again && inodes[i] != 0 && !look(room.get(), slot(i)).exists()) return {};  // put() came further
        auto parent = where(all[i].path);
        if (!parent && again) return {};  // its parent has gone already
        return remove_directory(all[i]);
      }));
  BRIG_CHECK(each(
      false, [](const Operation& o) { return S_ISDIR(o.after) && !was_directory(o); },
      [&](std::size_t i) { return make_directory(all[i], again); }));
  BRIG_CHECK(each(false, is_put, [&](std::size_t i) { return put(i, room.get(), inodes[i], again); }));
  BRIG_CHECK(each(
      true, [](const Operation& o) { return S_ISDIR(o.after); },
      [&](std::size_t i) { return set_mode(all[i].path, all[i].after); }));
  step();
  if (::syncfs(room.get()) != 0) return failed(errno, "Cannot keep what was applied in", room_);
  return {};
}

// In the opposite order. Goes on after a failure: each name that gets its file back is one the better.
Result<void> Transaction::take_back(const std::vector<std::uint64_t>& inodes) {
  BRIG_TRY(UniqueFd room, open_room());
  const auto& all = plan_.operations;
  Result<void> first;
  auto note = [&](Result<void> done) {
    if (!done && first) first = std::move(done);
  };
  for (const auto& o : all) {
    if (S_ISDIR(o.after) && was_directory(o)) note(set_mode(o.path, o.before.mode | 0700));
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!is_put(all[i])) continue;
    auto at = where(all[i].path);
    if (!at || look(at->parent.get(), at->name).inode != inodes[i]) continue;
    step();
    bool exchanged = look(room.get(), slot(i)).exists();
    if (!move(at->parent.get(), at->name, room.get(), slot(i),
              exchanged ? RENAME_EXCHANGE : RENAME_NOREPLACE))
      note(failed(errno, "Cannot take back", all[i].path));
  }
  for (auto o = all.rbegin(); o != all.rend(); ++o) {
    if (!S_ISDIR(o->after) || was_directory(*o)) continue;
    auto at = where(o->path);
    if (!at) continue;
    step();
    (void)::unlinkat(at->parent.get(), at->name.c_str(), AT_REMOVEDIR);
  }
  for (const auto& o : all) {
    if (!was_directory(o) || S_ISDIR(o.after)) continue;
    auto at = where(o.path);
    if (!at) {
      note(std::move(at).error());
    } else if (!S_ISDIR(look(at->parent.get(), at->name).mode)) {
      note(make_directory(o, true));
    }
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& o = all[i];
    bool taken = o.before.exists() && !was_directory(o) && !is_put(o) && look(room.get(), slot(i)).exists();
    if (!taken) continue;
    auto at = where(o.path);
    if (!at) {
      note(std::move(at).error());
      continue;
    }
    step();
    if (!move(room.get(), slot(i), at->parent.get(), at->name, RENAME_NOREPLACE))
      note(failed(errno, "Cannot give back", o.path));
  }
  for (auto o = all.rbegin(); o != all.rend(); ++o) {
    if (was_directory(*o)) note(set_mode(o->path, o->before.mode));
  }
  if (::syncfs(room.get()) != 0) note(failed(errno, "Cannot keep what was taken back in", room_));
  return first;
}

Result<std::vector<Identity>> Transaction::left() const {
  std::vector<Identity> left;
  for (const auto& o : plan_.operations) {
    auto at = where(o.path);
    left.push_back(at ? look(at->parent.get(), at->name) : Identity{});
  }
  return left;
}

Result<void> Transaction::clean() {
  auto room = open_room();
  if (!room) {
    struct stat st {};
    if (::fstatat(project_, room_.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT) return {};
    return std::move(room).error();
  }
  struct Close {
    void operator()(DIR* d) const { ::closedir(d); }
  };
  std::unique_ptr<DIR, Close> entries(::fdopendir(::fcntl(room->get(), F_DUPFD_CLOEXEC, 0)));
  if (!entries) return failed(errno, "Cannot clean up", room_);
  while (auto* entry = ::readdir(entries.get())) {
    std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    step();
    if (::unlinkat(room->get(), entry->d_name, 0) != 0 && errno != ENOENT)
      return failed(errno, "Cannot clean up", room_ + "/" + entry->d_name);
  }
  step();
  if (::unlinkat(project_, room_.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT)
    return failed(errno, "Cannot clean up", room_);
  return {};
}

}  // namespace brig::review
