// Takes out of a ledger what it has of things that are not on this disk: for one that comes from a backup.
//
// Sessions whose layers are gone are as if they had been removed, checkpoints and volumes too; services whose
// artefact is gone are built anew when brigd starts, if their source can still be had. Where a volume lies,
// as itself or in quarantine, the disk says and not the ledger: it may have gone there, or come back, since.
//
// Threads: as Connection. Failure: as Result, with nothing changed.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/names.hpp"
#include "store/connection.hpp"

namespace brig::store {

struct VolumeOnDisk {
  bool image = false;                    // its file system, which is under its name only when it is whole
  bool directory = false;                // what a volume without a bound is
  std::optional<std::uint64_t> archive;  // the bytes of a whole one in quarantine
};

struct OnDisk {
  std::function<bool(const LayerId&)> layer;
  std::function<VolumeOnDisk(const std::string&)> volume;
};

struct Unfit {
  std::vector<std::string> sessions;     // their names
  std::vector<std::string> checkpoints;  // "session/checkpoint"
  std::vector<std::string> volumes;      // as the engine calls them
  std::vector<std::string> services;     // "mesh/name"; they stay, to be built anew
  std::vector<std::string> uploads;      // likewise, but their zip is gone: they are to be deployed again
};
Result<Unfit> fit_to(Connection& connection, const OnDisk& disk, WallTime now);

// Whether anything is in it that somebody made.
Result<bool> is_in_use(Connection& connection);
// Its layers and sessions, also those on their way out.
Result<std::vector<LayerId>> layers_in(Connection& connection);
Result<std::vector<SessionId>> sessions_in(Connection& connection);

}  // namespace brig::store
