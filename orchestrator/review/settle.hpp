// Directories that a session renamed, before the project changes under them.
//
// What was never written in such a directory is still taken from where it was in the project. Before that
// place changes, all of the directory is copied into the session's own layer, by the kernel itself where the
// workspace is mounted, and marked as opaque: from then on it depends on the project no more. What the
// session sees is the same before, meanwhile and after, so that being killed anywhere takes nothing back and
// leaves nothing to finish.
//
// Threads: any. Failure: as Result, before anything of the project has changed:
// `exhausted` where the layer has no room, `conflict` where a process is in such a directory.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "review/source.hpp"
#include "workspace/layers.hpp"
#include "workspace/mounter.hpp"

namespace brig::review {

// What stands over a project: a session, or a checkpoint with a layer of its own for what is copied.
struct Stack {
  std::string called;           // "the session 'fix'"
  LayerId own;                  // made if it is not there
  std::vector<LayerId> frozen;  // top first
  std::filesystem::path session;
  bool of_session = true;  // it is what may be mounted there
};

// Directories of a workspace, renamed in it.
struct Renamed {
  std::vector<std::string> taking;   // something from one of the paths that were asked about
  std::vector<std::string> settled;  // nothing any more; somebody inside may not know yet
  bool none() const { return taking.empty() && settled.empty(); }
};
Result<Renamed> find_renamed(const Tree& workspace, const std::vector<std::string>& changing);

// Makes those that take the stack's own. `source`: what it is, over a project.
Result<void> settle(const StatePaths& paths, workspace::Mounter& mounter, const Stack& stack,
                    const Source& source, const Renamed& renamed);

}  // namespace brig::review
