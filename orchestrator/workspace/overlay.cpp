#include "workspace/overlay.hpp"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include <array>
#include <deque>
#include <optional>
#include <string>

#include "core/text.hpp"
#include "workspace/syscalls.hpp"

namespace brig::workspace {

namespace {

namespace fs = std::filesystem;

// A mount that is attached somewhere for as long as this lives.
class Attached {
 public:
  Attached() = default;
  Attached(const Attached&) = delete;
  Attached& operator=(const Attached&) = delete;
  ~Attached() {
    if (!path_.empty()) ::umount2(path_.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
  }
  Result<void> attach(int mount, const std::filesystem::path& path) {
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
      return mount_error(errno, "Cannot make a mount point");
    if (::move_mount(mount, "", AT_FDCWD, path.c_str(), MOVE_MOUNT_F_EMPTY_PATH) != 0) {
      return mount_error(errno, "Cannot attach a layer of the workspace");
    }
    path_ = path;
    return {};
  }

 private:
  std::filesystem::path path_;
};

// What the kernel says about a file system it refused to make.
std::string complaints(int context) {
  std::string text;
  std::array<char, 512> line;
  for (int i = 0; i < 8; ++i) {
    auto n = ::read(context, line.data(), line.size());
    if (n <= 0) break;
    std::string_view said(line.data(), static_cast<std::size_t>(n));
    while (!said.empty() && said.back() == '\n') said.remove_suffix(1);
    text += (text.empty() ? " (" : "; ") + printable(said);
  }
  return text.empty() ? text : text + ")";
}

std::string by_descriptor(int fd) {
  return "/proc/self/fd/" + std::to_string(fd);
}

bool set_string(int context, const char* key, const std::string& value) {
  return ::fsconfig(context, FSCONFIG_SET_STRING, key, value.c_str(), 0) == 0;
}

bool set_descriptor(int context, const char* key, int fd) {
  return ::fsconfig(context, FSCONFIG_SET_FD, key, nullptr, fd) == 0;
}

bool set_layers(int c, const OverlayLayers& layers, LayersAs how) {
  if (how == LayersAs::paths) {
    std::string lower;
    for (const auto& layer : layers.lower) {
      lower += (lower.empty() ? "" : ":") + by_descriptor(layer.directory.get());
    }
    return set_string(c, "lowerdir", lower) &&
           set_string(c, "upperdir", by_descriptor(layers.upper.directory.get())) &&
           set_string(c, "workdir", by_descriptor(layers.work.get()));
  }
  for (const auto& layer : layers.lower) {
    if (!set_descriptor(c, "lowerdir+", layer.directory.get())) return false;
  }
  return set_descriptor(c, "upperdir", layers.upper.directory.get()) &&
         set_descriptor(c, "workdir", layers.work.get());
}

struct Failure {
  int err = 0;
  std::string said;
  bool layers_refused = false;  // it did not come further than being told the layers
};

UniqueFd make_overlay(const OverlayLayers& layers, LayersAs how, Failure& failure) {
  UniqueFd context(::fsopen("overlay", FSOPEN_CLOEXEC));
  if (!context) {
    failure.err = errno;
    return {};
  }
  int c = context.get();
  failure.layers_refused = !set_layers(c, layers, how);
  // redirect_dir: a directory of the project can be renamed (without it rename(2) says EXDEV, and git mv
  // fails). metacopy off: a file of the upper layer is always whole.
  bool made = !failure.layers_refused && set_string(c, "source", "brig") &&
              set_string(c, "redirect_dir", "on") && set_string(c, "metacopy", "off") &&
              set_string(c, "index", "off") && ::fsconfig(c, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0;
  UniqueFd mount;
  if (made) mount.reset(::fsmount(c, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV));
  if (!mount) {
    failure.err = errno;
    failure.said = complaints(c);
  }
  return mount;
}

fs::path scratch_path(const fs::path& scratch, std::size_t number) {
  return scratch / ("tmp-layer-" + std::to_string(number));
}

// Far more than an overlay takes.
constexpr std::size_t kMostLayers = 512;

}  // namespace

Result<UniqueFd> mount_overlay(const OverlayLayers& layers, LayersAs how, const fs::path& scratch) {
  Failure failure;
  UniqueFd overlay;
  if (how != LayersAs::paths) overlay = make_overlay(layers, LayersAs::descriptors, failure);
  if (how == LayersAs::paths || (how == LayersAs::either && !overlay && failure.layers_refused)) {
    std::deque<Attached> attached;
    auto attach = [&](const Layer& layer) -> Result<void> {
      if (!layer.mount) return {};  // on the mount of another
      attached.emplace_back();
      return attached.back().attach(layer.mount.get(), scratch_path(scratch, attached.size()));
    };
    BRIG_CHECK(attach(layers.upper));
    for (const auto& layer : layers.lower) BRIG_CHECK(attach(layer));
    overlay = make_overlay(layers, LayersAs::paths, failure);
  }
  if (overlay) return overlay;
  auto error = mount_error(failure.err, "Cannot mount the workspace");
  error.message += failure.said;
  return error;
}

// Reconfiguring a file system, with nothing to be changed, drops the names that the kernel remembers of it.
Result<void> look_again(const fs::path& workspace) {
  UniqueFd root(::open(workspace.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct statfs st {};
  bool overlay = root && is_mount_root(root.get()) && ::fstatfs(root.get(), &st) == 0 &&
                 st.f_type == OVERLAYFS_SUPER_MAGIC;
  if (!overlay) return {};
  UniqueFd context(::fspick(root.get(), "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH));
  if (context && ::fsconfig(context.get(), FSCONFIG_CMD_RECONFIGURE, nullptr, nullptr, 0) == 0) return {};
  return mount_error(errno, "Cannot have the workspace looked at again");
}

Result<void> unmount_at(const fs::path& path) {
  // Bounded: one over another happens only if somebody mounted by hand.
  for (int i = 0; i < 16; ++i) {
    if (::umount2(path.c_str(), UMOUNT_NOFOLLOW) == 0) continue;
    if (errno == EBUSY && ::umount2(path.c_str(), UMOUNT_NOFOLLOW | MNT_DETACH) == 0) continue;
    if (errno == EINVAL || errno == ENOENT || errno == ENOTDIR) break;
    return errno_error(errno, "Cannot unmount " + brig::quoted(path.native(), 200), "workspace: unmount");
  }
  return {};
}

Result<void> unmount_scratch(const fs::path& scratch) {
  for (std::size_t i = 1; i < kMostLayers; ++i) {
    auto path = scratch_path(scratch, i);
    if (::access(path.c_str(), F_OK) != 0) return {};
    BRIG_CHECK(unmount_at(path));
  }
  return {};
}

}  // namespace brig::workspace
