// When a workspace began to stand over its project, and over which: what tells a later edit on the host from
// the state that the agent's work started from.
//
// Written into a layer's directory before its first mount, never changed, and copied with the layer. A
// workspace of several layers began when the earliest of them did.
//
// The time is the one that file systems stamp on files (the coarse clock), so that whatever is changed after
// it has a time at or after it. Clocks may be set back: how far wall time was ahead of the time since boot is
// kept too, and read_beginning() moves the beginning back with the clock.
//
// Threads: any. Failure: as Result; one that is not there or unreadable is `corrupt`.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <span>

#include "core/result.hpp"

namespace brig::workspace {

struct Beginning {
  std::int64_t seconds = 0;  // of the wall clock, as file systems stamp it
  std::int64_t nanoseconds = 0;
  std::uint64_t project = 0;  // the inode of its directory; 0: there is none
};

// Does nothing if it is there already. `project`: -1 for none.
Result<void> note_beginning(const std::filesystem::path& layer, int project);
Result<void> copy_beginning(const std::filesystem::path& from, const std::filesystem::path& to);
// The earliest; a layer that was never made is passed over.
Result<Beginning> read_beginning(std::span<const std::filesystem::path> layers);

}  // namespace brig::workspace
