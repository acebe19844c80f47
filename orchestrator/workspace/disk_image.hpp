// The disk limit of a layer: what is written to it lives in a file system of that size, an ext4 image in its
// directory.
//
// The kernel's quotas are not there everywhere; a file system that is simply full always is. The image is
// sparse and is copied from a template formatted once per size (STATE/templates), so that a session costs no
// mkfs. Its loop device is the mounts' alone: it goes when the last mount goes, whatever happened to brigd.
//
// Threads: any. Failure: as Result; nothing is left mounted or bound to a loop device.
#pragma once

#include <cstdint>
#include <filesystem>

#include "core/result.hpp"
#include "core/unique_fd.hpp"

namespace brig::workspace {

// The root of the file system in LAYER/disk.img, which is made if it is not there: a mount attached
// nowhere. An image that is there keeps its size.
Result<UniqueFd> mount_disk_image(const std::filesystem::path& layer, std::uint64_t bytes);

// Likewise, of an image that must be there; `attributes` are MOUNT_ATTR_*. Another mount of the same image,
// such as a running sandbox's, shows the same files.
Result<UniqueFd> mount_existing_disk_image(const std::filesystem::path& layer, std::uint64_t attributes);

bool has_disk_image(const std::filesystem::path& layer);

// Makes TO/disk.img the image of `from` as it is at one moment. Whoever writes to it waits meanwhile: for as
// long as it takes to share the blocks, or, where the state directory's file system cannot (ext4), to copy
// what was written. Gives the bytes that the copy takes.
Result<std::uint64_t> copy_disk_image(const std::filesystem::path& from, const std::filesystem::path& to);

// Ends what a copy leaves that was killed half way: writers that wait. No error if there are none.
Result<void> release_disk_image(const std::filesystem::path& layer);

}  // namespace brig::workspace
