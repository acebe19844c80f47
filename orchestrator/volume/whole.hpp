// A volume that is made with something in it.
//
// Nobody sees it before it is whole: until then its row says that it is on its way out, so that what a brigd
// leaves half made that is killed is removed by the next one.
//
// Ownership: borrows the Volumes. Threads: the loop's. Failure: as Result, with nothing of it left.
#pragma once

#include <filesystem>
#include <functional>

#include "net/worker.hpp"
#include "volume/volumes.hpp"

namespace brig::volume {

// Makes the volume's directory, which is not there yet, and what is in it; on a worker.
using Fill = std::function<Result<void>(const std::filesystem::path& directory, const store::VolumeRow& row)>;

// `row`: as for Volumes::create(). It runs to its end: whoever may go away meanwhile lets another wait for
// it.
net::Task<Result<store::VolumeRow>> make_whole(Volumes& volumes, store::VolumeRow row, net::Worker& worker,
                                               WallTime now, Fill fill);

}  // namespace brig::volume
