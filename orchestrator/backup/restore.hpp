// Puts the state of a backup in the place of what is there.
//
// All of it is got ready beside the state, in STATE/restore.new, and checked; then one rename, to
// STATE/restore, decides. Whoever is killed after that has it finished by the next restore or start of brigd:
// old or new, never half. What was there before is kept in STATE/before-restore-TIME, together with the
// layers and sessions that the restored ledger does not know, which would be removed otherwise.
//
// Threads: one; blocks. It holds the ledger's lock: no brigd runs meanwhile. Failure: as Result, with nothing
// changed.
#pragma once

#include <optional>

#include "backup/backup.hpp"
#include "store/fit.hpp"

namespace brig::backup {

struct Restored {
  Manifest manifest;
  bool key = false;             // the vault's key came with it
  store::Unfit unfit;           // what the backup knows and this disk does not have
  std::filesystem::path aside;  // where what was there is kept, and the configuration as the backup has it
};

// `replace`: also where the state there is in use. `passphrase` empty: without the vault's key.
Result<Restored> restore(const Places& places, const std::filesystem::path& file, const Secret& passphrase,
                         bool replace);

// What a restore that was killed had decided. Before the ledger is opened; false if there was nothing.
Result<bool> finish_restore(const StatePaths& state);

}  // namespace brig::backup
