// What speaks for each volume, looked at now: the ledger, every container of the engine, every mount of the
// host.
//
// Ownership: borrows everything. Threads: the loop's. Failure: as Result; a source that does not answer is an
// error, never an empty answer.
#pragma once

#include "net/worker.hpp"
#include "prune/plan.hpp"
#include "store/sessions.hpp"
#include "volume/quarantine.hpp"

namespace brig::prune {

struct Sources {
  session::Volumes& shelf;
  volume::Volumes& volumes;
  volume::Quarantine& quarantine;
  store::SessionTable& sessions;
  const Clock& clock;
  net::Worker& blocking;
};

// Of the volumes that `caller` may see. What others have is counted; only admins learn its names.
net::Task<Result<Evidence>> take_evidence(Sources sources, session::Caller caller);

}  // namespace brig::prune
