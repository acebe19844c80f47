// What `brig run` is asked to mount: volumes, and files of this machine.
//
// Threads: one. Failure: as Result, naming the option and what was written.
#pragma once

#include <nlohmann/json.hpp>

#include "cli/arguments.hpp"

namespace brig::cli {

// [{"volume", "path", "read_only"}] of --volume NAME:/path[:ro].
Result<nlohmann::json> volumes_of(const Arguments& arguments);
// [{"path", "content_base64", "mode", "read_only"}] of --overlay FILE:/path[:rw].
Result<nlohmann::json> overlays_of(const Arguments& arguments);

}  // namespace brig::cli
