// Git in a sandbox: the one way out that a clone needs, and how git is told to trust nothing it meets.
//
// Threads: any. Failure: Error{invalid} that names the field, the value and the remedy.
#pragma once

#include "policy/egress/rule.hpp"
#include "session/sessions.hpp"

namespace brig::session {

inline constexpr const char* kGitProvider = "shell";  // in whose image git is

// To the URL's host and port. Refuses what is no repository that could be cloned.
Result<egress::Rule> way_to(const GitSource& git);

// For a shell: the function `clone`, which takes what git's command of that name takes. No hooks, no filters,
// no submodules, no other transport, no credentials but what $helper gives; large files kept elsewhere (LFS)
// stay pointers: their host is another.
inline constexpr const char* kCloneFunction = R"sh(
export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_TERMINAL_PROMPT=0 GIT_LFS_SKIP_SMUDGE=1
clone() {
  git -c core.hooksPath=/dev/null -c core.fsmonitor=false -c credential.helper="$helper" -c protocol.allow=never \
    -c protocol.http.allow=always -c protocol.https.allow=always \
    clone --template= --no-recurse-submodules "$@"
}
)sh";

}  // namespace brig::session
