// Prunes by the rules of brig.toml, without anybody there: each makes a plan, tells of it by an event and the
// log, and after its notice does what of that plan still holds. What somebody used meanwhile, or pinned, is
// left, and the report says so.
//
// When a rule planned last, what it agreed to and whether that is still to be done stand in the ledger: a
// restart goes on from there, also in the middle of it.
//
// Ownership: borrows everything. Threads: the loop's. Failure: a rule that cannot plan or do now (the engine
// is away, another prune is under way) is logged, and tried again a little later.
#pragma once

#include "events/log.hpp"
#include "prune/prunes.hpp"
#include "store/standing.hpp"

namespace brig::prune {

class Unattended final : public StandingPrunes {
 public:
  Unattended(std::vector<Standing> rules, Prunes& prunes, store::StandingTable& table, events::Log& events,
             const Clock& clock)
      : rules_(std::move(rules)), prunes_(prunes), table_(table), events_(events), clock_(clock) {}

  net::Task<Result<std::vector<StandingView>>> standing() override;
  // Until cancelled.
  net::Task<void> run();
  // brigd stops: what is not done any more because of that is still to be done.
  void close() { closing_ = true; }
  // Does what is due now; how long until something is again.
  net::Task<Millis> tick();

 private:
  net::Task<Result<void>> plan(Standing rule, store::StandingRow row);
  net::Task<Result<void>> execute(Standing rule, store::StandingRow row);
  void tell(const char* kind, const std::string& rule, std::string_view what, std::size_t volumes,
            std::uint64_t bytes, std::vector<std::string> names);

  std::vector<Standing> rules_;
  Prunes& prunes_;
  store::StandingTable& table_;
  events::Log& events_;
  const Clock& clock_;
  bool closing_ = false;
};

}  // namespace brig::prune
