#include "volume/overlay.hpp"

#include <sys/mount.h>
#include <sys/stat.h>

#include "core/text.hpp"
#include "volume/files.hpp"
#include "workspace/mounter.hpp"
#include "workspace/syscalls.hpp"

namespace brig::volume {
namespace {

Result<void> make(const std::filesystem::path& path, mode_t mode, uid_t owner) {
  if ((::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) || ::chmod(path.c_str(), mode) != 0 ||
      ::chown(path.c_str(), owner, owner) != 0)
    return errno_error(errno, "cannot make " + quoted(path.native(), 256), "volume");
  return {};
}

Result<void> unmount(const std::filesystem::path& view) {
  // Bounded: one over another happens only if somebody mounted by hand.
  for (int i = 0; i < 16; ++i) {
    if (::umount2(view.c_str(), UMOUNT_NOFOLLOW) == 0) continue;
    if (errno == EBUSY && ::umount2(view.c_str(), UMOUNT_NOFOLLOW | MNT_DETACH) == 0) continue;
    if (errno == EINVAL || errno == ENOENT || errno == ENOTDIR) return {};
    return errno_error(errno, "cannot unmount " + quoted(view.native(), 256), "volume");
  }
  return {};
}

}  // namespace

Result<void> make_view(const std::filesystem::path& place, const std::filesystem::path& data) {
  BRIG_CHECK(make(place.parent_path(), 0700, 0));
  BRIG_CHECK(make(place, 0700, 0));
  BRIG_CHECK(make(place / "upper", 0700, kInside));
  BRIG_CHECK(make(place / "work", 0700, 0));
  BRIG_CHECK(make(place / "view", 0700, 0));
  // By descriptor: overlay's options cannot quote every name that a state directory may have.
  auto open = [](const std::filesystem::path& path) {
    return UniqueFd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  };
  auto lower = open(data), upper = open(place / "upper"), work = open(place / "work");
  if (!lower || !upper || !work)
    return errno_error(errno, "cannot open the layers of " + quoted(place.native(), 256), "volume");
  auto by_descriptor = [](const char* key, const UniqueFd& fd) {
    return std::string(key) + "=/proc/self/fd/" + std::to_string(fd.get());
  };
  auto options = by_descriptor("lowerdir", lower) + "," + by_descriptor("upperdir", upper) + "," +
                 by_descriptor("workdir", work) + ",index=off,metacopy=off,redirect_dir=off";
  auto view = place / "view";
  if (::mount("brig", view.c_str(), "overlay", MS_NOSUID | MS_NODEV, options.c_str()) != 0)
    return workspace::mount_error(errno, "Cannot mount a session's view of a config volume");
  if (::mount(nullptr, view.c_str(), nullptr, MS_PRIVATE, nullptr) != 0) {
    int err = errno;
    (void)unmount(view);
    return workspace::mount_error(err, "Cannot make a session's view of a config volume private");
  }
  return {};
}

Result<void> remove_view(const std::filesystem::path& place) {
  BRIG_CHECK(unmount(place / "view"));
  return workspace::destroy(place);
}

Result<void> remove_views(const std::filesystem::path& config) {
  std::error_code ec;
  for (const auto& entry : std::filesystem::directory_iterator(config, ec))
    BRIG_CHECK(remove_view(entry.path()));
  if (ec && ec != std::errc::no_such_file_or_directory)
    return errno_error(ec.value(), "cannot list " + quoted(config.native(), 256), "volume");
  return {};
}

}  // namespace brig::volume
