#include "workspace/mounter.hpp"

#include <sys/stat.h>

#include <array>

#include "core/text.hpp"
#include "workspace/disk_image.hpp"
#include "workspace/syscalls.hpp"
#include "workspace/user_namespace.hpp"

namespace brig::workspace {

namespace {

UniqueFd clone_tree(int directory) {
  return UniqueFd(::open_tree(directory, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH));
}

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

// The two layers as directories on idmapped mounts of their own.
struct Layers {
  UniqueFd lower_mount, upper_mount;  // keep the mounts alive until the overlay has its own
  UniqueFd lower, upper, work;
};

struct Owner {
  uid_t uid;
  gid_t gid;
  mode_t mode;
};

Result<void> idmap(int mount, int user_namespace, const Owner& owner, std::uint64_t attributes,
                   std::string_view what) {
  mount_attr attr{};
  attr.attr_set = attributes | MOUNT_ATTR_IDMAP | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  attr.userns_fd = static_cast<std::uint64_t>(user_namespace);
  if (::mount_setattr(mount, "", AT_EMPTY_PATH, &attr, sizeof attr) == 0) return {};
  int err = errno;
  // File systems that cannot be idmapped will do when the owner is the one inside anyway.
  if (err == EINVAL && owner.uid == kInside && owner.gid == kInside) {
    attr.attr_set &= ~static_cast<std::uint64_t>(MOUNT_ATTR_IDMAP);
    attr.userns_fd = 0;
    if (::mount_setattr(mount, "", AT_EMPTY_PATH, &attr, sizeof attr) == 0) return {};
    err = errno;
  }
  if (err == EINVAL) {
    auto error = mount_error(err, "Cannot map the owner of " + std::string(what));
    if (error.code != Code::unsupported) {
      error.code = Code::unsupported;
      error.message = "The file system of " + std::string(what) +
                      " cannot be idmapped (ext4, xfs, btrfs and tmpfs can): move it to one that can";
    }
    return error;
  }
  return mount_error(err, "Cannot map the owner of " + std::string(what));
}

Result<UniqueFd> make_directory(int at, const char* name, mode_t mode) {
  if (::mkdirat(at, name, mode) != 0 && errno != EEXIST) {
    return errno_error(errno, "Cannot make the session's directory " + brig::quoted(name),
                       "workspace: mount");
  }
  auto fd = open_directory(at, name);
  if (!fd)
    return errno_error(errno, "Cannot open the session's directory " + brig::quoted(name),
                       "workspace: mount");
  return fd;
}

Result<void> give_to(int at, const char* name, const Owner& owner) {
  if (::fchownat(at, name, owner.uid, owner.gid, AT_SYMLINK_NOFOLLOW) != 0 ||
      ::fchmodat(at, name, owner.mode, 0) != 0) {
    return errno_error(errno, "Cannot hand over the session's directory " + brig::quoted(name),
                       "workspace: mount");
  }
  return {};
}

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

enum class LayersAs { descriptors, paths };

bool set_layer(int context, LayersAs how, const char* fd_key, const char* path_key, int fd) {
  if (how == LayersAs::descriptors) return ::fsconfig(context, FSCONFIG_SET_FD, fd_key, nullptr, fd) == 0;
  auto path = "/proc/self/fd/" + std::to_string(fd);
  return ::fsconfig(context, FSCONFIG_SET_STRING, path_key, path.c_str(), 0) == 0;
}

struct OverlayFailure {
  int err = 0;
  std::string said;
  bool layers_refused = false;  // it did not come further than being told the layers
};

UniqueFd make_overlay(const Layers& layers, LayersAs how, OverlayFailure& failure) {
  UniqueFd context(::fsopen("overlay", FSOPEN_CLOEXEC));
  if (!context) {
    failure.err = errno;
    return {};
  }
  int c = context.get();
  failure.layers_refused = !set_layer(c, how, "lowerdir+", "lowerdir", layers.lower.get()) ||
                           !set_layer(c, how, "upperdir", "upperdir", layers.upper.get()) ||
                           !set_layer(c, how, "workdir", "workdir", layers.work.get());
  // redirect_dir: a directory of the project can be renamed (without it rename(2) says EXDEV, and git mv
  // fails). metacopy off: a file of the upper layer is always whole.
  bool made = !failure.layers_refused && ::fsconfig(c, FSCONFIG_SET_STRING, "source", "brig", 0) == 0 &&
              ::fsconfig(c, FSCONFIG_SET_STRING, "redirect_dir", "on", 0) == 0 &&
              ::fsconfig(c, FSCONFIG_SET_STRING, "metacopy", "off", 0) == 0 &&
              ::fsconfig(c, FSCONFIG_SET_STRING, "index", "off", 0) == 0 &&
              ::fsconfig(c, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0;
  UniqueFd mount;
  if (made) mount.reset(::fsmount(c, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV));
  if (!mount) {
    failure.err = errno;
    failure.said = complaints(c);
  }
  return mount;
}

Error overlay_error(const OverlayFailure& failure) {
  auto error = mount_error(failure.err, "Cannot mount the workspace");
  error.message += failure.said;
  return error;
}

}  // namespace

Result<int> Mounter::user_namespace(uid_t uid, gid_t gid) {
  std::lock_guard lock(mutex_);
  auto& fd = namespaces_[{uid, gid}];
  if (!fd) {
    BRIG_TRY(fd, make_user_namespace(uid, gid));
  }
  return fd.get();
}

Result<void> Mounter::mount(const MountSpec& spec) {
  auto* project = spec.project;
  Owner owner = project ? Owner{project->uid, project->gid, project->mode} : Owner{spec.uid, spec.gid, 0755};
  BRIG_TRY(int mapping, user_namespace(owner.uid, owner.gid));
  UniqueFd session(::open(spec.session.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!session) {
    return errno_error(errno,
                       "Cannot open the session's directory " + brig::quoted(spec.session.native(), 200),
                       "workspace: mount");
  }
  BRIG_TRY(UniqueFd target, make_directory(session.get(), "workspace", 0755));
  if (is_mount_root(target.get())) {
    return Error{Code::conflict,
                 "The workspace " + brig::quoted(spec.session.native(), 200) + " is mounted already",
                 "workspace: mount", false};
  }

  // The upper layer's mount: of the session's directory, or of an image in it. Overlayfs wants upper and work
  // on one mount, so it is their parent that is cloned.
  Layers layers;
  if (spec.disk_bytes > 0) {
    BRIG_TRY(layers.upper_mount, mount_disk_image(spec.session, spec.disk_bytes));
  } else {
    layers.upper_mount = clone_tree(session.get());
    if (!layers.upper_mount) return mount_error(errno, "Cannot clone the session's mount");
  }
  int top = layers.upper_mount.get();
  BRIG_TRY(layers.upper, make_directory(top, "upper", 0700));
  BRIG_TRY(layers.work, make_directory(top, "work", 0700));
  BRIG_CHECK(give_to(top, "upper", owner));
  if (project) {
    layers.lower_mount = clone_tree(project->directory.get());
    if (!layers.lower_mount) return mount_error(errno, "Cannot clone the project's mount");
    BRIG_CHECK(idmap(layers.lower_mount.get(), mapping, owner, MOUNT_ATTR_RDONLY, "the project"));
    layers.lower = UniqueFd(::openat(layers.lower_mount.get(), ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  } else {
    BRIG_TRY(layers.lower, make_directory(top, "empty", 0755));
    BRIG_CHECK(give_to(top, "empty", owner));
  }
  BRIG_CHECK(idmap(top, mapping, owner, 0, "the state directory"));

  OverlayFailure failure;
  UniqueFd overlay;
  if (method_ == Method::automatic) overlay = make_overlay(layers, LayersAs::descriptors, failure);
  if (method_ == Method::attached || (!overlay && failure.layers_refused)) {
    // Older kernels take layers only from what is attached in our mount namespace, for the moment of
    // mounting.
    Attached upper, lower;
    BRIG_CHECK(upper.attach(top, spec.session / "tmp-upper"));
    if (project) BRIG_CHECK(lower.attach(layers.lower_mount.get(), spec.session / "tmp-lower"));
    overlay = make_overlay(layers, LayersAs::paths, failure);
  }
  if (!overlay) return overlay_error(failure);
  if (::move_mount(overlay.get(), "", target.get(), "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) !=
      0) {
    return mount_error(errno, "Cannot attach the workspace");
  }
  // What is mounted below it is nobody else's business.
  mount_attr attr{};
  attr.propagation = MS_PRIVATE;
  if (::mount_setattr(overlay.get(), "", AT_EMPTY_PATH, &attr, sizeof attr) != 0) {
    int err = errno;
    (void)unmount(spec.session);
    return mount_error(err, "Cannot make the workspace's mount private");
  }
  return {};
}

}  // namespace brig::workspace
