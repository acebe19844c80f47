// Did the kernel kill something in this process's memory cgroup for want of memory?
//
// Asked while the container still exists, of its first process's cgroup (version 1 or 2). Threads: any.
// Failure: false where nothing can be read.
#pragma once

#include <sys/types.h>

namespace brig::session {

bool killed_for_memory(pid_t first_process);

}  // namespace brig::session
