// Which paths of the host may be shown to a sandbox, and where inside.
//
// Pure: paths are judged as text. Who has a path from a person resolves it (symbolic links!) and asks about
// what came out; whoever mounts it later must mount what was asked about.
//
// Threads: any. Failure: Error{invalid} for a path that is none, Error{denied} with the reason and the
// remedy.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"

namespace brig::policy {

// Absolute, without "." and "..", empty parts, control characters; at most 4095 bytes of UTF-8.
Result<void> check_absolute(std::string_view field, std::string_view path);

// A directory or file of the host that a grant or a project may name: not the root, no kernel file system, no
// engine's or Brig's directory or socket, and nothing that contains one of them.
Result<void> check_host_path(std::string_view field, std::string_view path, std::string_view state_dir,
                             const std::vector<std::string>& engine_sockets);

// A place inside a sandbox where a granted mount may go.
Result<void> check_mount_target(std::string_view field, std::string_view path);

}  // namespace brig::policy
