// The first process of a private engine's namespaces: makes the mounts and the network, runs dockerd, reaps.
//
// Threads: none, it is a process. Failure: writes to the daemon's log and exits, which ends everything.
#pragma once

#include <filesystem>

namespace brig::harness {

// Called in a new process that is pid 1 of a new pid namespace and has a mount namespace of its own.
// Returns the exit code.
int run_first_process(const std::filesystem::path& dir, bool network);

}  // namespace brig::harness
