// What a session wrote into its own view of a config volume, brought back: newest wins, file by file.
//
// Only what the provider names comes back: files, and whole directories ("sessions/"). The upper layer was
// written by a sandbox: links, devices, pipes and what is too large stay behind. Each file is put in place
// under its name at once and whole; doing it all again, after a crash in the middle, changes nothing.
//
// Threads: any; blocks. Failure: as Result; a single file that cannot be brought back is logged, the others
// are.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/result.hpp"

namespace brig::volume {

// A file time in the future counts as `now`: no session may win for ever.
Result<void> merge_back(const std::filesystem::path& upper, const std::filesystem::path& data,
                        const std::vector<std::string>& keep, WallTime now);

}  // namespace brig::volume
