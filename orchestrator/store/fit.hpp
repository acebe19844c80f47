// Takes out of a ledger what it has of things that are not on this disk: for one that comes from a backup.
//
// Sessions whose layers are gone are as if they had been removed, checkpoints and volumes too; services whose
// artefact is gone are built anew when brigd starts.
//
// Threads: as Connection. Failure: as Result, with nothing changed.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/names.hpp"
#include "store/connection.hpp"

namespace brig::store {

struct OnDisk {
  std::function<bool(const LayerId&)> layer;
  std::function<bool(const std::string&)> volume;
};

struct Unfit {
  std::vector<std::string> sessions;     // their names
  std::vector<std::string> checkpoints;  // "session/checkpoint"
  std::vector<std::string> volumes;      // as the engine calls them
  std::vector<std::string> services;     // "mesh/name"; they stay, to be built anew
};
Result<Unfit> fit_to(Connection& connection, const OnDisk& disk);

// Whether anything is in it that somebody made.
Result<bool> is_in_use(Connection& connection);
// Its layers and sessions, also those on their way out.
Result<std::vector<LayerId>> layers_in(Connection& connection);
Result<std::vector<SessionId>> sessions_in(Connection& connection);

}  // namespace brig::store
