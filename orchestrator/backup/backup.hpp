// The state of a brigd as one file.
//
//   frames (volume/framed.hpp) of a tar archive of
//     .brig-backup.json        first: what it is
//     backup/brig.db           the ledger, of one moment, also while brigd runs
//     backup/vault.key.sealed  the vault's key, under a passphrase; only if there was one
//     backup/tls/…             the certificates that brigd made for itself
//     backup/etc/…             brig.toml, the ceiling and the policy profiles, as they were
//
// Not in it is what people and agents work with: volumes ('brig volume export'), workspaces and checkpoints,
// quarantine, logs. Artefacts of services are built anew from their sources. It holds the hashes of tokens,
// the sealed vault and TLS keys: it is made for root alone.
//
// Threads: one; blocks. Failure: as Result; a file that is not whole does not stay.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/paths.hpp"
#include "core/result.hpp"
#include "core/secret.hpp"

namespace brig::backup {

inline constexpr const char* kTop = "backup";
inline constexpr const char* kManifest = ".brig-backup.json";

struct Places {
  StatePaths state;
  std::vector<std::filesystem::path>
      settings;         // files and directories of the configuration; some may not be there
  std::string version;  // of this Brig
  // What is begun, for whoever waits.
  std::function<void(const char*)> tell = [](const char*) {};
};

struct Manifest {
  std::string version;
  std::string installation;
  std::string created;  // RFC 3339
  std::int64_t schema = 0;
  bool key = false;
};
std::string text_of(const Manifest& manifest);
Result<Manifest> parse_manifest(std::string_view text);

// `file` "-": to standard output. `passphrase` empty: without the vault's key.
Result<Manifest> back_up(const Places& places, const std::filesystem::path& file, const Secret& passphrase);

// Reads it to its end; `into`, if there is one, is a directory that gets what is in it: worth nothing if this
// fails.
Result<Manifest> read_backup(const std::filesystem::path& file, int into);

}  // namespace brig::backup
