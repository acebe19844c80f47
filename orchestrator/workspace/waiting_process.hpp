// A process that waits for the end of ours, or to be ended.
//
// It is a copy of this one and no more than a handful of system calls happen in it. No exit signal: whoever
// in this process waits for children of its own never hears of it.
//
// Threads: any. Failure: -1 and errno.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "core/unique_fd.hpp"

namespace brig::workspace {

// Should we die, or `keep` close, it calls `last` and goes. `flags` are clone's.
pid_t spawn_waiting(std::uint64_t flags, UniqueFd& keep, void (*last)(int) = nullptr, int argument = -1);

// Ends it without its last act.
void end_waiting(pid_t process);

}  // namespace brig::workspace
