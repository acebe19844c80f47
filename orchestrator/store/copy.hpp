// A copy of the ledger in a file of its own, of one moment, while it is in use.
//
// Before a newer schema changes a ledger, it is copied to brig.db.schema-N beside it (N: the schema it has):
// what an older brigd can be given back. One is kept, the latest.
//
// Threads: as Connection; blocks it meanwhile. Failure: as Result; the copy is whole and on the disk, or not
// there.
#pragma once

#include <filesystem>

#include "store/connection.hpp"

namespace brig::store {

// Mode 0600; in place of one that is there.
Result<void> copy_ledger(Connection& connection, const std::filesystem::path& to);

// Where a ledger of that schema is kept.
std::filesystem::path kept_copy(const std::filesystem::path& ledger, std::int64_t schema);
// The newest copy that a brigd which knows schemas up to `known` can read; empty if there is none.
std::filesystem::path find_copy(const std::filesystem::path& ledger, std::int64_t known);
// If its schema is older than `known`, and not that of an empty file.
Result<void> keep_copy(Connection& connection, const std::filesystem::path& ledger, std::int64_t known);

}  // namespace brig::store
