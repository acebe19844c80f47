// Whole small files: read with a bound, written so that a crash leaves the old or the new content.
//
// Threads: any. Failure: as Result, naming the file.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "core/result.hpp"

namespace brig {

// The content of a regular file of at most `max` bytes.
Result<std::string> read_file(const std::filesystem::path& path, std::size_t max);

// no: for what is worth nothing once the machine has crashed.
enum class Sync { yes, no };

// Through a temporary file beside it, synced, and renamed over it.
Result<void> write_file(const std::filesystem::path& path, std::string_view content, mode_t mode,
                        Sync sync = Sync::yes);

}  // namespace brig
