// A user namespace that exists only to say which uid is which in an idmapped mount.
//
// Threads: any. Failure: as Result; `unsupported` where user namespaces are switched off.
#pragma once

#include <sys/types.h>

#include "core/result.hpp"
#include "core/unique_fd.hpp"

namespace brig::workspace {

// Files of `uid`:`gid` appear as kInside; root stays root, or, if it is the owner, changes places with
// kInside.
Result<UniqueFd> make_user_namespace(uid_t uid, gid_t gid);

}  // namespace brig::workspace
