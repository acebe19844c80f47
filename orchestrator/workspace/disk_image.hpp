// A session's disk limit: its upper layer lives in a file system of that size, an ext4 image in its
// directory.
//
// The kernel's quotas are not there everywhere; a file system that is simply full always is. The image is
// sparse and is copied from a template formatted once per size (STATE/templates), so that a session costs no
// mkfs. Its loop device is the mount's alone: it goes when the last mount goes, whatever happened to brigd.
//
// Threads: any. Failure: as Result; nothing is left mounted or bound to a loop device.
#pragma once

#include <cstdint>
#include <filesystem>

#include "core/result.hpp"
#include "core/unique_fd.hpp"

namespace brig::workspace {

// The root of the file system in SESSION/disk.img, which is made if it is not there: a mount attached
// nowhere. An image that is there keeps its size.
Result<UniqueFd> mount_disk_image(const std::filesystem::path& session, std::uint64_t bytes);

}  // namespace brig::workspace
