// Inside the module: makes the child. The one place that includes Boost.Process.
//
// Ownership: who calls must kill and reap `pid`. Threads: the loop's. Failure: as Result; nothing is left
// behind.
#pragma once

#include "core/unique_fd.hpp"
#include "process/process.hpp"

namespace brig::process {

struct Spawned {
  pid_t pid = -1;  // and the id of its group
  UniqueFd pidfd;
  UniqueFd output;  // not blocking
  UniqueFd errors;
};

Result<Spawned> spawn(const Command& command);

}  // namespace brig::process
