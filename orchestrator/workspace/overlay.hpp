// The overlay itself, from layers as directories.
//
// Threads: any. Failure: as Result, with the kernel's own complaint.
#pragma once

#include <filesystem>
#include <vector>

#include "core/result.hpp"
#include "core/unique_fd.hpp"

namespace brig::workspace {

// A directory on a mount that is attached nowhere and has to live until the overlay has its own.
struct Layer {
  UniqueFd mount;
  UniqueFd directory;
};

struct OverlayLayers {
  std::vector<Layer> lower;  // top first
  Layer upper;
  UniqueFd work;  // on the mount of upper
};

enum class LayersAs {
  descriptors,  // where the kernel takes them
  paths,        // for kernels before 6.13: attached below `scratch` for the moment of mounting
  either,
};

// Attached nowhere.
Result<UniqueFd> mount_overlay(const OverlayLayers& layers, LayersAs how,
                               const std::filesystem::path& scratch);

// What is below the overlay mounted there has changed: the kernel looks again for every name but those that
// somebody has open, or is in. No error if none is mounted.
Result<void> look_again(const std::filesystem::path& workspace);

// Unmounts what is left in `scratch` if brigd died in that moment.
Result<void> unmount_scratch(const std::filesystem::path& scratch);

// Unmounts whatever is mounted there, at once or once its last user is gone. No error if nothing is.
Result<void> unmount_at(const std::filesystem::path& path);

}  // namespace brig::workspace
