// Formats a disk template with the host's mkfs.ext4.
//
// Threads: any; blocks until the program has ended. Failure: `unsupported` if the program is not there.
#pragma once

#include <filesystem>

#include "core/result.hpp"

namespace brig::workspace {

Result<void> make_filesystem(const std::filesystem::path& image);

}  // namespace brig::workspace
