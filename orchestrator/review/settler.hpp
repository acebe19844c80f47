// All that stands over a project, made independent of what an apply or undo is about to change there
// (settle.hpp): the session itself, its owner's other sessions on that project, forks for one, and the
// checkpoints of all these.
//
// A frozen layer is never written to, so what a checkpoint needs goes into another on top of it.
//
// Ownership: borrows everything. Threads: the loop's; works on the worker. Failure: as Result, with nothing
// of the project changed; `conflict` where one of the sessions is being checkpointed, forked or the like.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/paths.hpp"
#include "net/worker.hpp"
#include "review/settle.hpp"
#include "review/source.hpp"
#include "session/hold.hpp"
#include "store/checkpoints.hpp"
#include "store/sessions.hpp"
#include "workspace/mounter.hpp"

namespace brig::review {

class Settler {
 public:
  struct Parts {
    store::SessionTable& sessions;
    store::CheckpointTable& checkpoints;
    workspace::Mounter& mounter;
    // Nobody changes what the session consists of meanwhile.
    std::function<Result<session::Hold>(const store::SessionRow&, std::string doing)> hold;
  };
  Settler(StatePaths paths, Parts parts, net::Worker& worker)
      : paths_(std::move(paths)), parts_(std::move(parts)), worker_(worker) {}

  // Holds all of them until they are let go of, which is after the project has changed.
  net::Task<Result<std::vector<session::Hold>>> settle(std::string owner, std::string project,
                                                       std::vector<std::string> changing);
  // What runs on a project that has changed, whoever's it is, shows it as it is now.
  net::Task<void> look_again(std::string project);

 private:
  net::Task<Result<void>> settle_checkpoint(store::SessionRow session, store::CheckpointRow checkpoint,
                                            std::vector<std::string> changing);
  Result<void> settle_stack(const Stack& stack, Place place, const std::vector<std::string>& changing);

  StatePaths paths_;
  Parts parts_;
  net::Worker& worker_;
};

}  // namespace brig::review
