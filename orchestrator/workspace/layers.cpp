#include "workspace/layers.hpp"

#include <sys/stat.h>

#include "core/text.hpp"
#include "workspace/beginning.hpp"
#include "workspace/disk_image.hpp"
#include "workspace/syscalls.hpp"

namespace brig::workspace {

namespace {

namespace fs = std::filesystem;

Error failed(int err, std::string_view doing, const fs::path& path) {
  return errno_error(err, std::string(doing) + " the layer " + brig::quoted(path.native(), 200),
                     "workspace: layers");
}

Result<UniqueFd> open_root(const fs::path& layer) {
  BRIG_TRY(UniqueFd mount, mount_layer(layer));
  UniqueFd root(::openat(mount.get(), "upper", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!root) return failed(errno, "Cannot open", layer);
  return root;
}

}  // namespace

Result<UniqueFd> mount_layer(const fs::path& layer) {
  if (has_disk_image(layer)) return mount_existing_disk_image(layer, MOUNT_ATTR_RDONLY);
  UniqueFd mount(
      ::open_tree(AT_FDCWD, layer.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW));
  if (!mount) return failed(errno, "Cannot open", layer);
  mount_attr attr{};
  attr.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  if (::mount_setattr(mount.get(), "", AT_EMPTY_PATH, &attr, sizeof attr) != 0) {
    return failed(errno, "Cannot close for writing", layer);
  }
  return mount;
}

Result<UniqueFd> open_upper(const fs::path& layer) {
  UniqueFd mount;
  if (has_disk_image(layer)) {
    BRIG_TRY(mount, mount_existing_disk_image(layer, 0));
  } else {
    mount.reset(::open(layer.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  }
  UniqueFd upper;
  if (mount) upper.reset(::openat(mount.get(), "upper", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!upper) return failed(errno, "Cannot open", layer);
  return upper;
}

Result<OpenLayers> OpenLayers::open(const StatePaths& paths, const LayerId& own,
                                    std::span<const LayerId> frozen) {
  OpenLayers layers;
  if (!own.empty()) {
    auto root = open_root(paths.layer(own));
    if (!root && root.error().code != Code::not_found) return std::move(root).error();
    if (root) {
      layers.roots_.push_back(std::move(*root));
      layers.has_own_ = true;
    }
  }
  for (const auto& id : frozen) {
    BRIG_TRY(UniqueFd root, open_root(paths.layer(id)));
    layers.roots_.push_back(std::move(root));
  }
  return layers;
}

Result<std::uint64_t> copy_layer(const fs::path& from, const fs::path& to) {
  if (!has_disk_image(from)) {
    return Error{Code::unsupported,
                 "A workspace without a disk limit cannot be frozen: give it one, limits.disk of its policy",
                 "workspace: layers", false};
  }
  if (::mkdir(to.c_str(), 0700) != 0) return failed(errno, "Cannot make", to);
  BRIG_CHECK(copy_beginning(from, to));
  return copy_disk_image(from, to);
}

Result<void> release_layer(const fs::path& layer) {
  return release_disk_image(layer);
}

Result<std::set<LayerId>> list_layers(const StatePaths& paths) {
  std::set<LayerId> layers;
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator(paths.layers(), ec)) {
    auto name = entry.path().filename().string();
    if (is_layer_id(name)) layers.insert(LayerId(name));
  }
  if (ec && ec != std::errc::no_such_file_or_directory) {
    return errno_error(ec.value(), "Cannot list " + brig::quoted(paths.layers().native(), 200),
                       "workspace: layers");
  }
  return layers;
}

}  // namespace brig::workspace
