// Pruning volumes, as the API sees it: first a plan, then what was agreed to of it.
//
// Ownership: Callers get copies. Threads: the loop's. Failure: as Result; without an engine that answers
// there is no evidence, so no plan: `unavailable`. A second prune while one is under way is `conflict`, and
// so is a plan that no longer holds, with what has changed.
#pragma once

#include <functional>

#include "net/task.hpp"
#include "prune/plan.hpp"

namespace brig::prune {

struct Order {
  Rules rules;                 // as planned
  std::vector<Agreed> agreed;  // of that plan
  bool quarantine = true;      // false: they are gone for good
};

// What became of one volume.
struct Step {
  std::string volume;
  bool gone = false;
  std::string reason;  // why it was left
  std::uint64_t bytes = 0;
};

struct Report {
  std::vector<Step> steps;
  std::uint64_t bytes = 0;  // that the host has again
};

// Hears of each volume that is done with, and how far the one that is being archived has come.
struct Listener {
  std::function<void(const Step&)> step;
  std::function<void(const std::string& volume, double fraction)> progress;
};

// A prune that the service makes by itself, again and again: a plan each `every`, which is told, and `notice`
// later what of it still holds.
struct Standing {
  std::string name;
  Rules rules;
  Millis every{};
  Millis notice{};
  bool dry_run = false;  // it is only told
};
struct StandingView {
  Standing rule;
  WallTime next{};                  // when it plans, or does what it planned
  std::optional<WallTime> planned;  // last
  std::vector<Agreed> agreed;       // what that plan would take
  bool pending = false;             // that is still to be done
  std::optional<WallTime> done;     // last
  Report report;                    // of that
};

class StandingPrunes {
 public:
  virtual ~StandingPrunes() = default;
  virtual net::Task<Result<std::vector<StandingView>>> standing() = 0;
};

class Prunes {
 public:
  virtual ~Prunes() = default;
  // Of what the caller may see.
  virtual net::Task<Result<Plan>> plan(session::Caller caller, Rules rules) = 0;
  // Why one volume may be pruned, or not, by age and everything else.
  virtual net::Task<Result<Verdict>> verdict(session::Caller caller, std::string volume) = 0;
  // Would it be carried out now, or refused as a whole?
  virtual net::Task<Result<void>> check(session::Caller caller, Order order) = 0;
  // Each volume is looked at again before it goes; one that somebody has by then is left.
  virtual net::Task<Result<Report>> execute(session::Caller caller, Order order, Listener listener) = 0;
};

}  // namespace brig::prune
