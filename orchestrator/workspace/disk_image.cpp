#include "workspace/disk_image.hpp"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <mutex>

#include "core/text.hpp"
#include "core/units.hpp"
#include "workspace/freeze.hpp"
#include "workspace/loop_device.hpp"
#include "workspace/make_filesystem.hpp"
#include "workspace/syscalls.hpp"

namespace brig::workspace {

namespace {

namespace fs = std::filesystem;

constexpr const char* kImage = "disk.img";
constexpr std::uint64_t kSmallest = 16u << 20;
constexpr std::uint64_t kLargest = std::uint64_t{1} << 44;

Error failed(int err, std::string_view doing, const fs::path& path) {
  auto error =
      errno_error(err, std::string(doing) + " " + brig::quoted(path.native(), 200), "workspace: disk");
  if (error.code == Code::exhausted) error.message += "; free space in the state directory";
  return error;
}

// Formatted on first use; beside it under another name until it is whole.
Result<UniqueFd> open_template(const fs::path& directory, std::uint64_t bytes) {
  static std::mutex making;
  std::lock_guard lock(making);
  // The number counts changes of how it is formatted.
  auto path = directory / ("ext4-1-" + std::to_string(bytes) + ".img");
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (file) return file;
  if (errno != ENOENT) return failed(errno, "Cannot open the disk template", path);
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST)
    return failed(errno, "Cannot make", directory);
  auto unfinished = path;
  unfinished += ".new";
  file.reset(::open(unfinished.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return failed(errno, "Cannot make the disk template", unfinished);
  if (::ftruncate(file.get(), static_cast<off_t>(bytes)) != 0) {
    return failed(errno, "Cannot size the disk template", unfinished);
  }
  BRIG_CHECK(make_filesystem(unfinished));
  if (::fsync(file.get()) != 0) return failed(errno, "Cannot write the disk template", unfinished);
  if (::rename(unfinished.c_str(), path.c_str()) != 0)
    return failed(errno, "Cannot keep the disk template", path);
  return file;
}

// Shares the blocks where the file system can, else copies those that are not holes.
Result<void> copy_sparse(int from, int to, const fs::path& path) {
  if (::ioctl(to, FICLONE, from) == 0) return {};
  struct stat st {};
  if (::fstat(from, &st) != 0 || ::ftruncate(to, st.st_size) != 0) return failed(errno, "Cannot size", path);
  off_t at = 0;
  while ((at = ::lseek(from, at, SEEK_DATA)) >= 0) {
    off_t end = ::lseek(from, at, SEEK_HOLE);
    if (end < 0) return failed(errno, "Cannot read what is copied to", path);
    off_t in = at, out = at;
    while (in < end) {
      auto n = ::copy_file_range(from, &in, to, &out, static_cast<std::size_t>(end - in), 0);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return failed(n < 0 ? errno : EIO, "Cannot copy to", path);
    }
    at = end;
  }
  if (errno != ENXIO) return failed(errno, "Cannot read what is copied to", path);
  return {};
}

// Of an image that is there. Where the kernel has its file system mounted already it is that one.
Result<UniqueFd> mount_image(const fs::path& path, const LoopDevice& loop, std::uint64_t attributes) {
  UniqueFd context(::fsopen("ext4", FSOPEN_CLOEXEC));
  if (!context) return mount_error(errno, "Cannot mount the session's disk");
  int c = context.get();
  // discard: what is deleted inside is given back to the host. noinit_itable: else a kernel thread writes
  // zeros into the image until it is no longer sparse.
  UniqueFd mount;
  if (::fsconfig(c, FSCONFIG_SET_STRING, "source", loop.path.c_str(), 0) == 0 &&
      ::fsconfig(c, FSCONFIG_SET_FLAG, "discard", nullptr, 0) == 0 &&
      ::fsconfig(c, FSCONFIG_SET_FLAG, "noinit_itable", nullptr, 0) == 0 &&
      ::fsconfig(c, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0) {
    mount.reset(::fsmount(c, FSMOUNT_CLOEXEC,
                          static_cast<unsigned>(attributes | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)));
  }
  if (!mount) return failed(errno, "Cannot mount the session's disk", path);
  return mount;
}

// The image of a layer that somebody may have mounted: one at a time, so that it gets one device.
Result<UniqueFd> mount_shared(const fs::path& path, int image, std::uint64_t attributes) {
  static std::mutex turn;
  std::lock_guard lock(turn);
  BRIG_TRY(LoopDevice loop, loop_device_of(image));
  return mount_image(path, loop, attributes);
}

UniqueFd open_image(const fs::path& layer) {
  return UniqueFd(::open((layer / kImage).c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
}

// Under another name until it is whole.
Result<UniqueFd> make_image(const fs::path& layer, int from) {
  auto unfinished = layer / (std::string(kImage) + ".new");
  UniqueFd image(::open(unfinished.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!image) return failed(errno, "Cannot make", unfinished);
  BRIG_CHECK(copy_sparse(from, image.get(), unfinished));
  if (::rename(unfinished.c_str(), (layer / kImage).c_str()) != 0)
    return failed(errno, "Cannot keep", unfinished);
  return image;
}

}  // namespace

bool has_disk_image(const fs::path& layer) {
  struct stat st {};
  return ::lstat((layer / kImage).c_str(), &st) == 0 && S_ISREG(st.st_mode);
}

Result<UniqueFd> mount_disk_image(const fs::path& layer, std::uint64_t bytes) {
  if (bytes < kSmallest || bytes > kLargest) {
    return Error{Code::invalid,
                 "A disk limit of " + format_size(bytes) + " cannot be kept: it has to be between " +
                     format_size(kSmallest) + " and " + format_size(kLargest),
                 "workspace: disk", false};
  }
  bytes &= ~((std::uint64_t{1} << 20) - 1);
  auto path = layer / kImage;
  if (auto image = open_image(layer)) return mount_shared(path, image.get(), 0);
  if (errno != ENOENT) return failed(errno, "Cannot open", path);
  BRIG_TRY(UniqueFd from, open_template(layer.parent_path().parent_path() / "templates", bytes));
  BRIG_TRY(UniqueFd image, make_image(layer, from.get()));
  BRIG_TRY(LoopDevice loop, new_loop_device(image.get()));
  return mount_image(path, loop, 0);
}

Result<UniqueFd> mount_existing_disk_image(const fs::path& layer, std::uint64_t attributes) {
  auto image = open_image(layer);
  if (!image) return failed(errno, "Cannot open", layer / kImage);
  return mount_shared(layer / kImage, image.get(), attributes);
}

Result<std::uint64_t> copy_disk_image(const fs::path& from, const fs::path& to) {
  auto image = open_image(from);
  if (!image) return failed(errno, "Cannot open", from / kImage);
  UniqueFd copy;
  {
    BRIG_TRY(UniqueFd mount, mount_shared(from / kImage, image.get(), MOUNT_ATTR_RDONLY));
    UniqueFd root(::openat(mount.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!root) return failed(errno, "Cannot open", from / kImage);
    mount.reset();
    BRIG_TRY(Freeze still, Freeze::hold(std::move(root)));
    BRIG_TRY(copy, make_image(to, image.get()));
  }
  // Nobody has to wait for this.
  struct stat st {};
  if (::fsync(copy.get()) != 0 || ::fstat(copy.get(), &st) != 0) {
    return failed(errno, "Cannot write", to / kImage);
  }
  return static_cast<std::uint64_t>(st.st_blocks) * 512;
}

Result<void> release_disk_image(const fs::path& layer) {
  if (!has_disk_image(layer)) return {};
  BRIG_TRY(UniqueFd mount, mount_existing_disk_image(layer, MOUNT_ATTR_RDONLY));
  UniqueFd root(::openat(mount.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root) return failed(errno, "Cannot open", layer / kImage);
  return thaw(root.get());
}

}  // namespace brig::workspace
