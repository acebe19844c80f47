#include "workspace/disk_image.hpp"

#include <linux/fs.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <mutex>

#include "core/text.hpp"
#include "core/units.hpp"
#include "workspace/make_filesystem.hpp"
#include "workspace/syscalls.hpp"

namespace brig::workspace {

namespace {

namespace fs = std::filesystem;

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
    if (end < 0) return failed(errno, "Cannot read the template of", path);
    off_t in = at, out = at;
    while (in < end) {
      auto n = ::copy_file_range(from, &in, to, &out, static_cast<std::size_t>(end - in), 0);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return failed(n < 0 ? errno : EIO, "Cannot copy the template to", path);
    }
    at = end;
  }
  if (errno != ENXIO) return failed(errno, "Cannot read the template of", path);
  return {};
}

Result<UniqueFd> open_image(const fs::path& session, std::uint64_t bytes) {
  auto path = session / "disk.img";
  UniqueFd image(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (image) return image;
  if (errno != ENOENT) return failed(errno, "Cannot open", path);
  BRIG_TRY(UniqueFd from, open_template(session.parent_path().parent_path() / "templates", bytes));
  auto unfinished = session / "disk.img.new";
  image.reset(::open(unfinished.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!image) return failed(errno, "Cannot make", unfinished);
  BRIG_CHECK(copy_sparse(from.get(), image.get(), unfinished));
  if (::rename(unfinished.c_str(), path.c_str()) != 0) return failed(errno, "Cannot keep", path);
  return image;
}

struct Loop {
  UniqueFd device;
  std::string path;
};

Result<Loop> attach_loop(int image) {
  auto refuse = [](int err, const std::string& what) {
    return Error{err == ENOENT || err == ENXIO ? Code::unsupported : errno_error(err, "").code,
                 "Cannot get a loop device for the session's disk limit (" + what + ": " +
                     errno_error(err, "").message.substr(2) +
                     "): load the kernel module `loop`, or take the disk limit out of the policy",
                 "workspace: disk", false};
  };
  UniqueFd control(::open("/dev/loop-control", O_RDWR | O_CLOEXEC));
  if (!control) return refuse(errno, "/dev/loop-control");
  loop_config config{};
  config.fd = static_cast<__u32>(image);
  config.block_size = 4096;
  config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
  // Others take free devices too: what was free a moment ago may be gone.
  for (int attempt = 0; attempt < 64; ++attempt) {
    int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
    if (number < 0) return refuse(errno, "LOOP_CTL_GET_FREE");
    Loop loop;
    loop.path = "/dev/loop" + std::to_string(number);
    loop.device.reset(::open(loop.path.c_str(), O_RDWR | O_CLOEXEC));
    if (!loop.device) return refuse(errno, loop.path);
    if (::ioctl(loop.device.get(), LOOP_CONFIGURE, &config) == 0) return loop;
    if (errno != EBUSY) return refuse(errno, "LOOP_CONFIGURE");
  }
  return refuse(EBUSY, "all are taken");
}

}  // namespace

Result<UniqueFd> mount_disk_image(const fs::path& session, std::uint64_t bytes) {
  if (bytes < kSmallest || bytes > kLargest) {
    return Error{Code::invalid,
                 "A disk limit of " + format_size(bytes) + " cannot be kept: it has to be between " +
                     format_size(kSmallest) + " and " + format_size(kLargest),
                 "workspace: disk", false};
  }
  bytes &= ~((std::uint64_t{1} << 20) - 1);
  BRIG_TRY(UniqueFd image, open_image(session, bytes));
  BRIG_TRY(Loop loop, attach_loop(image.get()));
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
    mount.reset(::fsmount(c, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV));
  }
  if (!mount) return failed(errno, "Cannot mount the session's disk", session / "disk.img");
  return mount;
}

}  // namespace brig::workspace
