// What piles up beside volumes, and what of it can go: sessions that ended long ago with all they wrote and
// said, their checkpoints, images of providers that a newer build has replaced, templates that nothing asked
// for lately, and archives in quarantine that no ledger knows. A session goes once its checkpoints are gone.
//
// As with volumes, first a plan, which is a pure function of what was seen; then what was agreed to of it,
// looked at again. What refers to something the ledger does not have any more (containers, mounts, layers,
// checkpoints of sessions that are gone) is no matter of this: reconciling drops it by itself, within
// moments.
//
// Ownership: callers get copies. Threads: the loop's. Failure: as Result; without an engine that answers
// there is no plan: `unavailable`. A thing that cannot go now is left, and its step says why.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "net/task.hpp"
#include "prune/prunes.hpp"

namespace brig::prune {

struct GcRules {
  std::optional<Millis> unused_for;  // kUnusedFor if not set
  std::set<std::string> kinds;       // empty: all of kGcKinds
};
inline constexpr const char* kGcSession = "session";
inline constexpr const char* kGcCheckpoint = "checkpoint";
inline constexpr const char* kGcImage = "image";
inline constexpr const char* kGcTemplate = "template";
inline constexpr const char* kGcArchive = "archive";
inline constexpr const char* kGcKinds[] = {kGcSession, kGcCheckpoint, kGcImage, kGcTemplate, kGcArchive};

// As it was seen; `since`: when it was last of use.
struct Thing {
  std::string kind;
  std::string id;    // which; unique among those of its kind
  std::string name;  // for people
  std::string of;    // whose, or of which provider
  WallTime since{};
  std::uint64_t bytes = 0;
  std::vector<std::string> held;  // who has it, in words; it stays then
};

struct GcVerdict {
  Thing thing;
  bool goes = false;
  std::vector<std::string> reasons;
};
struct GcPlan {
  WallTime at{};
  GcRules rules;
  std::vector<GcVerdict> verdicts;  // those that go first, the largest first; then those that stay
  std::uint64_t bytes = 0;          // of those that go
};
GcPlan make_gc_plan(GcRules rules, WallTime now, std::vector<Thing> things);

struct GcAgreed {
  std::string kind;
  std::string id;
  auto operator<=>(const GcAgreed&) const = default;
};
struct GcStep {
  GcAgreed thing;
  std::string name;
  bool gone = false;
  std::string reason;  // why it was left
  std::uint64_t bytes = 0;
};
struct GcReport {
  std::vector<GcStep> steps;
  std::uint64_t bytes = 0;
};

class Gc {
 public:
  virtual ~Gc() = default;
  virtual net::Task<Result<GcPlan>> plan(GcRules rules) = 0;
  // What was agreed to and would still go.
  virtual net::Task<Result<GcReport>> collect(session::Caller caller, GcRules rules,
                                              std::set<GcAgreed> agreed) = 0;
};

}  // namespace brig::prune
