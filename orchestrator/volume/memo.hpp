// What a volume in quarantine was, kept beside its archive: QUARANTINE/NAME/volume.json. With it the archive
// can be restored when the ledger was lost.
//
// Threads: any; blocks. Failure: as Result.
#pragma once

#include <filesystem>

#include "store/volumes.hpp"

namespace brig::volume {

// On the disk when it returns.
Result<void> write_memo(const std::filesystem::path& directory, const store::VolumeRow& row);
// The row of the volume `directory` is called after. `invalid` if it is none of ours.
Result<store::VolumeRow> read_memo(const std::filesystem::path& directory);

}  // namespace brig::volume
