// How much room something takes on the disk.
//
// Threads: any; it may take long. Failure: as Result, for what cannot be read.
#pragma once

#include <cstdint>
#include <filesystem>

#include "core/result.hpp"

namespace brig {

// Of a file or a tree, on its own file system; files with several names count once, holes not at all. What
// vanishes meanwhile, or was never there, takes none.
Result<std::uint64_t> bytes_on_disk(const std::filesystem::path& path);

}  // namespace brig
