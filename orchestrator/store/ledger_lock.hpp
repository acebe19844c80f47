// The lock on a ledger, which whoever works on it alone holds: a brigd while it runs, a restore while it puts
// another in its place. It goes with the process, however that ends.
//
// Threads: any; waits a moment for a killed brigd's last children. Failure: `conflict` names who has it.
#pragma once

#include <filesystem>

#include "core/result.hpp"
#include "core/unique_fd.hpp"

namespace brig::store {

Result<UniqueFd> lock_ledger(const std::filesystem::path& file);

}  // namespace brig::store
