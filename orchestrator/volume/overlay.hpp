// One session's copy-on-write view of a config volume: SESSION/config/N/view, an overlay mount.
//
// Ownership: the mount is the kernel's and outlives brigd; remove_view() ends it. Threads: any; blocks.
// Failure: as Result; nothing stays mounted.
#pragma once

#include <filesystem>

#include "core/result.hpp"

namespace brig::volume {

// `place` is SESSION/config/N: upper, work and view are made in it. `data` is the volume's.
Result<void> make_view(const std::filesystem::path& place, const std::filesystem::path& data);
// Unmounts it and deletes the session's own part. No error if it is not there.
Result<void> remove_view(const std::filesystem::path& place);
// All that are in SESSION/config, of whatever session it was.
Result<void> remove_views(const std::filesystem::path& config);

}  // namespace brig::volume
