// The ledger's schema as a numbered list of steps; the file's user_version says how many it has had.
//
// Each step is one transaction together with its number, so a crash leaves a file between steps, never inside
// one. Steps that were ever released are never edited: a change is a new step at the end.
//
// Threads: as Connection. Failure: as Result; a file with more steps than we know is `unsupported`.
#pragma once

#include <span>

#include "store/connection.hpp"

namespace brig::store {

std::span<const char* const> migrations();

// How many steps it has had.
Result<std::int64_t> schema_of(Connection& connection);

Result<void> migrate(Connection& connection, std::span<const char* const> steps);

}  // namespace brig::store
