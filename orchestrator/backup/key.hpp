// The vault's key as a backup may hold it: under a passphrase, which Argon2id makes slow to guess.
//
// Threads: any; takes about a second. Failure: as Result; `denied` for the wrong passphrase.
#pragma once

#include <string>
#include <string_view>

#include "core/result.hpp"
#include "core/secret.hpp"

namespace brig::backup {

Result<std::string> seal_key(const Secret& key, const Secret& passphrase);
Result<Secret> open_key(std::string_view sealed, const Secret& passphrase);

}  // namespace brig::backup
