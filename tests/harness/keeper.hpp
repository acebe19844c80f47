// What keeps a private engine: a process outside its namespaces that starts their first process, watches the
// owner, and cleans up after either has gone. Used by the program brig-test-engine only.
//
//   owner (a test, ctest, a shell)            dies ──► the keeper ends the engine and cleans up
//   keeper                                    dies ──► the kernel kills the first process (parent-death
//   signal) └─ first process, pid 1 of the namespace  dies ──► the kernel kills all the rest, its mounts
//   vanish
//      ├─ slirp4netns
//      └─ dockerd ─ containerd ─ containers
//
// If owner and keeper are both killed, a directory and empty cgroups stay; the next start sweeps them away.
//
// Threads: single-threaded programs only (they fork). Failure: as Result.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

#include "core/result.hpp"

namespace brig::harness {

struct KeepOptions {
  std::filesystem::path root;
  pid_t owner = 0;  // 0: nobody, runs until told to stop
  bool network = true;
};

// Starts a keeper with an engine; returns the engine's directory once it answers.
Result<std::filesystem::path> keep(const KeepOptions& options);
// Ends the engine and waits until nothing of it is left.
Result<void> stop_keeping(const std::filesystem::path& dir);
// Removes what engines of killed keepers left below `root`.
void sweep(const std::filesystem::path& root);
// Moves this process into the engine's namespaces (children are in its pid namespace).
Result<void> enter(const std::filesystem::path& dir);

}  // namespace brig::harness
