// Which limits of its policy did a sandbox run into?
//
// Asked while the container and its mounts are still there. Memory and processes are the kernel's own
// counters; the disk is found full.
//
// Threads: any. Failure: what cannot be read was not hit.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace brig::session {

struct LimitsHit {
  bool memory = false;  // something was killed for want of it
  bool pids = false;    // a process or thread was refused
  bool disk = false;    // nothing is left of it

  std::vector<std::string> names() const;
};

// `disk`: a directory on the limited file system; empty if there is no limit.
LimitsHit limits_hit(pid_t first_process, const std::filesystem::path& disk);

}  // namespace brig::session
