// Takes the evidence, makes plans of it, and carries out what was agreed to.
//
// What another does between the evidence and a volume's turn is noticed by those who can: the ledger refuses
// in the commit that lets nobody have the volume any more, the engine refuses to remove a name that a
// container has. Whoever they know of wins, and the volume is left.
//
// Ownership: borrows everything. Threads: the loop's. Failure: prunes.hpp says it.
#pragma once

#include "core/metrics.hpp"
#include "events/log.hpp"
#include "prune/evidence.hpp"
#include "prune/prunes.hpp"

namespace brig::prune {

class Pruner final : public Prunes {
 public:
  Pruner(Sources sources, events::Log& events, metrics::Registry& metrics);

  net::Task<Result<Plan>> plan(session::Caller caller, Rules rules) override;
  net::Task<Result<Verdict>> verdict(session::Caller caller, std::string volume) override;
  net::Task<Result<void>> check(session::Caller caller, Order order) override;
  net::Task<Result<Report>> execute(session::Caller caller, Order order, Listener listener) override;

 private:
  // The plan as it is now, if what was agreed to still holds.
  net::Task<Result<Plan>> renewed(session::Caller caller, Order order);
  net::Task<Step> prune_one(session::VolumeView volume, bool quarantine,
                            std::function<void(const std::string&, double)> progress);

  Sources sources_;
  events::Log& events_;
  metrics::Counter& pruned_;
  metrics::Counter& freed_;
  bool running_ = false;  // one is under way
};

}  // namespace brig::prune
