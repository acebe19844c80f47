// Removes what namespaces do not take with them: cgroup directories and files.
//
// Threads: any. Failure: as Result, naming what stays.
#pragma once

#include <filesystem>
#include <string>

#include "core/result.hpp"

namespace brig::harness {

// The cgroup parent of the engine whose directory is `dir`, as the option --cgroup-parent takes it.
std::string cgroup_parent(const std::filesystem::path& dir);
// Removes that group from every hierarchy, waiting a little for its processes to be gone.
// Lets processes of paused containers run, so that they can die.
void thaw_cgroups(const std::string& parent);

Result<void> remove_cgroups(const std::string& parent);
Result<void> remove_tree(const std::filesystem::path& dir);

}  // namespace brig::harness
