// The directories of one session and what lies in them before its sandbox exists.
//
// What is the same for all sandboxes (the supervisor, the authorities) is one file, linked into each: what a
// running sandbox was given stays as it is when a later brigd brings another.
//
// Threads: any; blocks on the file system. Failure: as Result; what was made stays, for forget() to take
// away.
#pragma once

#include <filesystem>
#include <string>

#include "core/paths.hpp"
#include "core/result.hpp"

namespace brig::session {

// `hosts` is the content of its /etc/hosts; `ca_bundle` a file in the state directory, or empty for none.
Result<void> make_directories(const StatePaths& paths, const SessionId& id, const std::string& hosts,
                              const std::filesystem::path& ca_bundle);

}  // namespace brig::session
