// Inside the module: files that are made for one session and mounted into its sandbox.
//
// Threads: check_overlays() any; the others block. Failure: as Result, naming path, rule and remedy.
#pragma once

#include <vector>

#include "core/paths.hpp"
#include "session/sessions.hpp"
#include "volume/volumes.hpp"

namespace brig::session {

inline constexpr std::size_t kMaxOverlays = 32;
inline constexpr std::size_t kMaxOverlayBytes = 512 << 10;  // of all of a session's together

Result<void> check_overlays(const std::vector<Overlay>& overlays);

Result<void> check_mounts(const std::vector<SharedMount>& mounts);

// Writes the `number`th to STATE/sessions/ID/overlays, as the sandbox's user's, and says how to mount it.
Result<volume::Mount> write_overlay(const StatePaths& paths, const SessionId& id, std::size_t number,
                                    const Overlay& overlay);
// No error if there are none.
Result<void> remove_overlays(const StatePaths& paths, const SessionId& id);

}  // namespace brig::session
