// Where brigd keeps its things, and where those are that came with it.
//
// Threads: any. Failure: as Result, naming the path.
#pragma once

#include <sys/types.h>

#include <filesystem>

#include "core/paths.hpp"
#include "core/result.hpp"

namespace brig::daemon {

// Made where it is missing, and given this mode.
Result<void> make_private(const std::filesystem::path& directory, mode_t mode);
// One that is there already is somebody else's to arrange.
Result<void> make_socket_directory(const std::filesystem::path& directory);
// The folder of provider images: in the source tree of a build, in share/brig once installed.
Result<std::filesystem::path> find_images();
// Running sandboxes keep the file they were given; new ones get the one that came with this brigd.
Result<void> install_init(const StatePaths& paths);

}  // namespace brig::daemon
