// What brigd does for its operator instead of serving: writes a backup of its state, or puts one in its
// place.
//
// Threads: one; blocks. Failure: as Result; what was done is told on standard error.
#pragma once

#include <filesystem>

#include "config/config.hpp"
#include "core/result.hpp"

namespace brig::daemon {

struct Upkeep {
  std::filesystem::path config_file;
  std::filesystem::path back_up;     // the file to write, or
  std::filesystem::path restore;     // the one to read
  std::filesystem::path passphrase;  // a file that holds it; empty: without the vault's key
  bool replace = false;
  bool wanted() const { return !back_up.empty() || !restore.empty(); }
  // One of the two, and what belongs to it.
  bool contradicts_itself() const {
    return (!back_up.empty() && !restore.empty()) || (!passphrase.empty() && !wanted()) ||
           (replace && restore.empty());
  }
};

Result<void> keep_up(const config::Config& config, const Upkeep& upkeep);

}  // namespace brig::daemon
