// What can be done with what a session has written, as the API sees it.
//
// A checkpoint is a session's files as they were at one moment, under a name, as long as the session is
// there. A fork is another session with the same provider, policy, project and command that goes on from a
// checkpoint, or from how the session is now; both continue. Restoring ends what runs in a session and
// starts its command again on a checkpoint. None of these touches the project, which each of them sees as it
// is now, below what was written.
//
// Values of environment variables are not kept (any may be a key): who forks or restores gives them again.
//
// Ownership, threads: as Sessions. Failure: as Result; what works on the project itself (bound or read-only)
// has nothing of its own to keep: `conflict`. A caller that goes away does not stop what was begun.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "session/sessions.hpp"

namespace brig::session {

struct CheckpointView {
  std::string name;
  WallTime created{};
  std::uint64_t bytes = 0;  // that it keeps on the host
  std::size_t layers = 0;   // that it is made of
};

struct ForkSpec {
  std::string name;                       // of the new session; empty: one is made up
  std::optional<std::string> checkpoint;  // none: as it is now
  std::vector<EnvVar> env;
  std::map<std::string, std::string> labels;  // beyond those of the session
};

struct RestoreSpec {
  std::string checkpoint;
  std::vector<EnvVar> env;
};

class Workspaces {
 public:
  virtual ~Workspaces() = default;
  // Of a running session (who writes waits meanwhile) or an ended one.
  virtual net::Task<Result<CheckpointView>> checkpoint(Caller caller, std::string ref, std::string name) = 0;
  virtual net::Task<Result<std::vector<CheckpointView>>> checkpoints(Caller caller, std::string ref) = 0;
  virtual net::Task<Result<void>> remove_checkpoint(Caller caller, std::string ref, std::string name) = 0;
  // Returns once the command runs again. Output of before is forgotten with what is undone.
  virtual net::Task<Result<View>> restore(Caller caller, std::string ref, RestoreSpec spec) = 0;
  // Returns once the new session's command runs.
  virtual net::Task<Result<View>> fork(Caller caller, std::string ref, ForkSpec spec) = 0;
  // Forgets what an ended session wrote: its workspace is the project's again. Checkpoints stay.
  virtual net::Task<Result<View>> discard(Caller caller, std::string ref) = 0;
};

}  // namespace brig::session
