// Brings the world in line with the ledger: at start, on a timer, and whenever something hints at a change.
//
// Events of the engine are hints, its listing is the truth. Actions run several at once; one that fails is
// logged and tried again in the next round, and holds up no other. Of a stranger's container it speaks once.
//
// Ownership: borrows everything. Threads: the loop's. Failure: a round that cannot look (the engine is away)
// changes nothing and says why.
#pragma once

#include "core/paths.hpp"
#include "net/event.hpp"
#include "net/worker.hpp"
#include "reconcile/plan.hpp"
#include "session/manager.hpp"

namespace brig::reconcile {

class Reconciler {
 public:
  struct Parts {
    session::Manager& sessions;
    store::SessionTable& table;
    session::Containers& containers;
    net::Worker& blocking;
  };
  Reconciler(net::asio::any_io_executor executor, StatePaths paths, Parts parts);

  // Look, plan, act. The number of actions taken, or why it could not look.
  net::Task<Result<std::size_t>> once();

  // Rounds until cancelled: after hint(), and every `interval`.
  net::Task<void> run(Millis interval);
  void hint();

 private:
  net::Task<Result<std::vector<Recorded>>> recorded();
  net::Task<Result<Observed>> observe();
  net::Task<Result<void>> remember(std::vector<Recorded>& recorded, const Observed& observed);
  std::vector<Action> news(std::vector<Action> actions);
  net::Task<void> act(std::shared_ptr<std::vector<Action>> queue);
  net::Task<Result<void>> apply(Action action);

  net::asio::any_io_executor executor_;
  StatePaths paths_;
  Parts parts_;
  std::set<std::string> reported_;  // containers said to be strangers, and still there
  net::Event hinted_;
  bool pending_ = false;
};

}  // namespace brig::reconcile
