#include "workspace/loop_device.hpp"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <filesystem>
#include <optional>

#include "workspace/syscalls.hpp"

namespace brig::workspace {

namespace {

Error refuse(int err, const std::string& what) {
  return Error{err == ENOENT || err == ENXIO ? Code::unsupported : errno_error(err, "").code,
               "Cannot get a loop device for the session's disk limit (" + what + ": " +
                   errno_error(err, "").message.substr(2) +
                   "): load the kernel module `loop`, or take the disk limit out of the policy",
               "workspace: disk", false};
}

bool is_of(int device, const struct stat& image) {
  loop_info64 info{};
  return ::ioctl(device, LOOP_GET_STATUS64, &info) == 0 && info.lo_device == image.st_dev &&
         info.lo_inode == image.st_ino;
}

// By what the kernel says a device is bound to: names of files mean nothing in other mount namespaces.
std::optional<LoopDevice> bound_device(const struct stat& image) {
  namespace fs = std::filesystem;
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator("/sys/block", ec)) {
    auto name = entry.path().filename().string();
    if (!name.starts_with("loop") || ::access((entry.path() / "loop").c_str(), F_OK) != 0) continue;
    LoopDevice loop;
    loop.path = "/dev/" + name;
    loop.device.reset(::open(loop.path.c_str(), O_RDWR | O_CLOEXEC));
    if (loop.device && is_of(loop.device.get(), image)) return loop;
  }
  return std::nullopt;
}

}  // namespace

Result<LoopDevice> new_loop_device(int image) {
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
    LoopDevice loop;
    loop.path = "/dev/loop" + std::to_string(number);
    loop.device.reset(::open(loop.path.c_str(), O_RDWR | O_CLOEXEC));
    if (!loop.device) return refuse(errno, loop.path);
    if (::ioctl(loop.device.get(), LOOP_CONFIGURE, &config) == 0) return loop;
    if (errno != EBUSY) return refuse(errno, "LOOP_CONFIGURE");
  }
  return refuse(EBUSY, "all are taken");
}

Result<LoopDevice> loop_device_of(int image) {
  struct stat st {};
  if (::fstat(image, &st) != 0) return refuse(errno, "fstat");
  if (auto bound = bound_device(st)) return std::move(*bound);
  return new_loop_device(image);
}

bool has_loop_device(int image) {
  struct stat st {};
  return ::fstat(image, &st) == 0 && bound_device(st).has_value();
}

}  // namespace brig::workspace
