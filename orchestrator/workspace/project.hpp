// The directory a person names as their project, opened and judged.
//
// The path is a stranger's word: it is opened with the caller's own rights (brigd's would open anything),
// judged by what the kernel says was opened, and from then on only the descriptor is used, so that renaming
// something afterwards changes nothing.
//
// Threads: any; blocks, so run it on a worker. Failure: Error{invalid, not_found, denied} naming the path,
// the reason and the remedy.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "core/unique_fd.hpp"

namespace brig::workspace {

// With whose rights the path is opened.
struct Identity {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;  // supplementary
};
// With the groups the user database has for this uid (none if it does not know it).
Identity identity_of(uid_t uid, gid_t gid);

// A place a project must neither be, lie in, nor contain.
struct Forbidden {
  std::filesystem::path path;  // absolute; need not exist
  std::string what;            // "Brig's state directory", "the engine's socket"
};

struct Project {
  UniqueFd directory;          // O_PATH
  std::filesystem::path path;  // without symbolic links, as the kernel says
  uid_t uid = 0;               // its owner: who 1000 is outside
  gid_t gid = 0;
  mode_t mode = 0;  // permission bits
};

// `caller`: none for callers that are nobody on this machine (bearer tokens); they get what root may open and
// the forbidden places alone limit them.
Result<Project> open_project(std::string_view path, const std::optional<Identity>& caller,
                             std::span<const Forbidden> forbidden);

}  // namespace brig::workspace
