#include "volume/disk.hpp"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <mutex>
#include <thread>

#include "core/text.hpp"
#include "core/unique_fd.hpp"
#include "core/units.hpp"
#include "workspace/disk_image.hpp"
#include "workspace/loop_device.hpp"
#include "workspace/syscalls.hpp"

namespace brig::volume {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kUnusedWithin{5};

Error failed(int err, std::string_view doing, const fs::path& path) {
  return errno_error(err, std::string(doing) + " " + quoted(path.native(), 256), "volume: disk");
}

// An operator's files, or what a container of somebody's wrote while nothing was mounted here. Done again
// after a crash half way, it comes to the same.
Result<bool> take_in(const fs::path& from, const fs::path& to) {
  std::error_code ec;
  bool something = false;
  for (const auto& entry : fs::directory_iterator(from, ec)) {
    something = true;
    fs::copy(
        entry.path(), to / entry.path().filename(),
        fs::copy_options::recursive | fs::copy_options::copy_symlinks | fs::copy_options::overwrite_existing,
        ec);
    if (ec) break;
    fs::remove_all(entry.path(), ec);
    if (ec) break;
  }
  if (!ec) return something;
  return Error{ec == std::errc::no_space_on_device ? Code::exhausted : Code::internal,
               "cannot take what is in " + quoted(from.native(), 256) + " into the volume: " + ec.message() +
                   "; make room or move it away",
               "volume: disk", false};
}

bool is_mounted(const fs::path& path) {
  UniqueFd fd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  return fd && workspace::is_mount_root(fd.get());
}

}  // namespace

Result<void> check_size(std::uint64_t bytes) {
  if (bytes >= kSmallestVolume && bytes <= kLargestVolume) return {};
  return Error{Code::invalid,
               "size " + format_size(bytes) + " cannot be kept: it has to be between " +
                   format_size(kSmallestVolume) + " and " + format_size(kLargestVolume),
               "volume", false};
}

Result<bool> mount_volume(const fs::path& volume, std::uint64_t bytes) {
  static std::mutex turn;  // one image is mounted once
  std::lock_guard lock(turn);
  auto data = volume / "data";
  if (::mkdir(data.c_str(), 0700) != 0 && errno != EEXIST) return failed(errno, "cannot make", data);
  UniqueFd place(::open(data.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!place) return failed(errno, "cannot open", data);
  if (workspace::is_mount_root(place.get())) return false;
  BRIG_TRY(UniqueFd whole, workspace::mount_disk_image(volume, bytes));
  // A directory of it, for lost+found is nobody's business.
  if (::mkdirat(whole.get(), "data", 0700) != 0 && errno != EEXIST) return failed(errno, "cannot make", data);
  UniqueFd inside(::open_tree(whole.get(), "data", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!inside) return workspace::mount_error(errno, "Cannot clone a volume's mount");
  BRIG_TRY(bool something, take_in(data, "/proc/self/fd/" + std::to_string(inside.get())));
  if (::move_mount(inside.get(), "", place.get(), "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0)
    return workspace::mount_error(errno, "Cannot attach a volume");
  return something;
}

Result<void> unmount_volume(const fs::path& volume) {
  auto data = volume / "data";
  while (is_mounted(data)) {
    if (::umount2(data.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0)
      return failed(errno, "cannot unmount", data);
  }
  return {};
}

Result<void> wait_until_unused(const fs::path& volume) {
  auto path = volume / "disk.img";
  UniqueFd image(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!image) return failed(errno, "cannot open", path);
  auto deadline = std::chrono::steady_clock::now() + kUnusedWithin;
  // The kernel tells nobody when a loop device goes.
  while (workspace::has_loop_device(image.get())) {
    if (std::chrono::steady_clock::now() > deadline)
      return Error{
          Code::conflict,
          "the volume's file system " + quoted(path.native(), 256) + " is still mounted or open somewhere",
          "volume: disk", false};
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  if (::fsync(image.get()) != 0) return failed(errno, "cannot write", path);
  return {};
}

std::optional<std::uint64_t> used_of(const fs::path& volume) {
  UniqueFd data(::open((volume / "data").c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct statvfs space {};
  if (!data || !workspace::is_mount_root(data.get()) || ::fstatvfs(data.get(), &space) != 0)
    return std::nullopt;
  return (space.f_blocks - space.f_bfree) * space.f_frsize;
}

std::optional<std::uint64_t> allocated_of(const fs::path& volume) {
  struct stat status {};
  if (::lstat((volume / "disk.img").c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return static_cast<std::uint64_t>(status.st_blocks) * 512;
}

}  // namespace brig::volume
