#include "workspace/mounter.hpp"

#include <sys/stat.h>

#include "core/text.hpp"
#include "workspace/beginning.hpp"
#include "workspace/disk_image.hpp"
#include "workspace/idmap.hpp"
#include "workspace/layers.hpp"
#include "workspace/overlay.hpp"
#include "workspace/syscalls.hpp"
#include "workspace/user_namespace.hpp"

namespace brig::workspace {

namespace {

namespace fs = std::filesystem;

UniqueFd clone_tree(int directory) {
  return UniqueFd(::open_tree(directory, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH));
}

Result<UniqueFd> make_directory(int at, const char* name, mode_t mode) {
  if (::mkdirat(at, name, mode) != 0 && errno != EEXIST) {
    return errno_error(errno, "Cannot make the directory " + brig::quoted(name), "workspace: mount");
  }
  auto fd = open_directory(at, name);
  if (!fd) return errno_error(errno, "Cannot open the directory " + brig::quoted(name), "workspace: mount");
  return fd;
}

Result<void> give_to(int at, const char* name, const Owner& owner) {
  if (::fchownat(at, name, owner.uid, owner.gid, AT_SYMLINK_NOFOLLOW) != 0 ||
      ::fchmodat(at, name, owner.mode, 0) != 0) {
    return errno_error(errno, "Cannot hand over the directory " + brig::quoted(name), "workspace: mount");
  }
  return {};
}

Result<UniqueFd> open_place(const fs::path& path, std::string_view what) {
  UniqueFd fd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (fd) return fd;
  return errno_error(errno, "Cannot open " + std::string(what) + " " + brig::quoted(path.native(), 200),
                     "workspace: mount");
}

// The mount that the session's own layer is on: of the layer's directory, or of the image in it. Overlayfs
// wants upper and work on one mount, so it is their parent that is mounted.
Result<UniqueFd> mount_own(const MountSpec& spec) {
  if (::mkdir(spec.layer.c_str(), 0700) != 0 && errno != EEXIST) {
    return errno_error(errno, "Cannot make the layer " + brig::quoted(spec.layer.native(), 200),
                       "workspace: mount");
  }
  if (spec.disk_bytes > 0) return mount_disk_image(spec.layer, spec.disk_bytes);
  BRIG_TRY(UniqueFd directory, open_place(spec.layer, "the layer"));
  auto mount = clone_tree(directory.get());
  if (!mount) return mount_error(errno, "Cannot clone the layer's mount");
  return mount;
}

// Who 1000 is outside: whoever owns the project, or wrote what is there already.
Result<Owner> owner_of(const MountSpec& spec, const std::vector<Layer>& frozen) {
  if (spec.project) return Owner{spec.project->uid, spec.project->gid, spec.project->mode};
  if (frozen.empty()) return Owner{spec.uid, spec.gid, 0755};
  struct stat st {};
  if (::fstat(frozen.front().directory.get(), &st) != 0) {
    return errno_error(errno, "Cannot look at a layer of the workspace", "workspace: mount");
  }
  return Owner{st.st_uid, st.st_gid, st.st_mode & 0777};
}

Result<std::vector<Layer>> open_frozen(const MountSpec& spec) {
  std::vector<Layer> layers;
  for (const auto& path : spec.frozen) {
    BRIG_TRY(UniqueFd mount, mount_layer(path));
    auto directory = open_directory(mount.get(), "upper");
    if (!directory) {
      return errno_error(errno, "Cannot open the layer " + brig::quoted(path.native(), 200),
                         "workspace: mount");
    }
    layers.push_back({std::move(mount), std::move(directory)});
  }
  return layers;
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
  BRIG_TRY(UniqueFd session, open_place(spec.session, "the session's directory"));
  BRIG_TRY(UniqueFd target, make_directory(session.get(), "workspace", 0755));
  if (is_mount_root(target.get())) {
    return Error{Code::conflict,
                 "The workspace " + brig::quoted(spec.session.native(), 200) + " is mounted already",
                 "workspace: mount", false};
  }
  UniqueFd workspace;
  if (spec.mode == Mode::layers) {
    BRIG_TRY(workspace, stack(spec));
  } else {
    BRIG_TRY(workspace, project_itself(spec));
  }
  if (::move_mount(workspace.get(), "", target.get(), "",
                   MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0) {
    return mount_error(errno, "Cannot attach the workspace");
  }
  // What is mounted below it is nobody else's business.
  mount_attr attr{};
  attr.propagation = MS_PRIVATE;
  if (::mount_setattr(workspace.get(), "", AT_EMPTY_PATH, &attr, sizeof attr) != 0) {
    int err = errno;
    (void)unmount(spec.session);
    return mount_error(err, "Cannot make the workspace's mount private");
  }
  return {};
}

Result<UniqueFd> Mounter::project_itself(const MountSpec& spec) {
  const auto& project = *spec.project;
  if (spec.mode == Mode::direct && project.uid == 0) {
    return Error{
        Code::denied,
        "The project " + brig::quoted(project.path.native(), 200) +
            " is root's, and what a sandbox wrote to it would be root's too: give it to a user, or work on a "
            "copy-on-write workspace",
        "workspace: mount", false};
  }
  Owner owner{project.uid, project.gid, project.mode};
  BRIG_TRY(int mapping, user_namespace(owner.uid, owner.gid));
  auto mount = clone_tree(project.directory.get());
  if (!mount) return mount_error(errno, "Cannot clone the project's mount");
  auto attributes = spec.mode == Mode::readonly ? std::uint64_t{MOUNT_ATTR_RDONLY} : 0;
  BRIG_CHECK(idmap(mount.get(), mapping, owner, attributes, "the project"));
  return mount;
}

Result<UniqueFd> Mounter::stack(const MountSpec& spec) {
  OverlayLayers layers;
  BRIG_TRY(layers.lower, open_frozen(spec));
  BRIG_TRY(Owner owner, owner_of(spec, layers.lower));
  BRIG_TRY(int mapping, user_namespace(owner.uid, owner.gid));
  for (auto& layer : layers.lower) {
    BRIG_CHECK(idmap(layer.mount.get(), mapping, owner, MOUNT_ATTR_RDONLY, "the state directory"));
  }
  BRIG_TRY(layers.upper.mount, mount_own(spec));
  BRIG_CHECK(note_beginning(spec.layer, spec.project ? spec.project->directory.get() : -1));
  int own = layers.upper.mount.get();
  BRIG_TRY(layers.upper.directory, make_directory(own, "upper", 0700));
  BRIG_TRY(layers.work, make_directory(own, "work", 0700));
  BRIG_CHECK(give_to(own, "upper", owner));
  Layer lowest;
  if (spec.project) {
    lowest.mount = clone_tree(spec.project->directory.get());
    if (!lowest.mount) return mount_error(errno, "Cannot clone the project's mount");
    BRIG_CHECK(idmap(lowest.mount.get(), mapping, owner, MOUNT_ATTR_RDONLY, "the project"));
    lowest.directory = UniqueFd(::openat(lowest.mount.get(), ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  } else {
    BRIG_TRY(lowest.directory, make_directory(own, "empty", 0755));
    BRIG_CHECK(give_to(own, "empty", owner));
  }
  layers.lower.push_back(std::move(lowest));
  BRIG_CHECK(idmap(own, mapping, owner, 0, "the state directory"));

  auto how = method_ == Method::attached ? LayersAs::paths : LayersAs::either;
  return mount_overlay(layers, how, spec.session);
}

}  // namespace brig::workspace
