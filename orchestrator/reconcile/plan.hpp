// What has to be done so that the world matches the ledger: a pure function.
//
//   plan(recorded, observed) → actions
//
// `recorded` must have been taken before `observed`: then a session recorded as running whose container is
// not observed has really lost it, and no session can look lost because it is younger than the listing.
//
// Ours is what carries our installation's label and stands in our ledger, also as gone: an engine may finish
// making a container long after the brigd that asked for it was killed and the session taken back. A
// container with the label alone is reported, never touched.
//
// Threads: pure. Failure: none.
#pragma once

#include <set>
#include <string>
#include <variant>
#include <vector>

#include "core/names.hpp"

namespace brig::reconcile {

// Phases as the ledger has them: session::State, `removing`, and `gone` for what it only remembers.
enum class Phase { preparing, starting, running, paused, ending, ended, removing, gone };

struct Recorded {
  SessionId id;
  Phase phase = Phase::preparing;
  std::string container;   // its deterministic name
  bool live = false;       // this process already looks after it
  bool again = false;      // it was acknowledged before: what is under way is its beginning again
  bool to_remove = false;  // once it has ended
  bool kept = false;       // whoever has it clears it away himself when it has ended
};

struct Container {
  std::string id;
  std::string name;
  SessionId session;  // by its label
  bool running = false;
  bool paused = false;  // then it is running, too
  bool ended = false;   // it ran, and certainly does not any more
};

struct Observed {
  std::vector<Container> containers;  // all that carry our installation's label, in any state
  std::set<SessionId> mounted;        // workspaces that are mounted
  std::set<SessionId> directories;    // session directories that exist
  std::set<LayerId> stray_layers;     // layers that exist and that nothing in the ledger refers to
};

// Its sandbox runs on: look after it again.
struct Adopt {
  SessionId id;
  std::string container;
  auto operator<=>(const Adopt&) const = default;
};
// Its container is frozen and should not be, or the other way round.
struct Settle {
  SessionId id;
  auto operator<=>(const Settle&) const = default;
};
// Its creation was never acknowledged: take back every trace.
struct Undo {
  SessionId id;
  auto operator<=>(const Undo&) const = default;
};
// Its sandbox ended while nobody looked (`container` is what is left of it, or "").
struct Conclude {
  SessionId id;
  std::string container;
  auto operator<=>(const Conclude&) const = default;
};
// It has ended; container or mount are still there.
struct Sweep {
  SessionId id;
  auto operator<=>(const Sweep&) const = default;
};
// It was being removed: finish that.
struct Forget {
  SessionId id;
  auto operator<=>(const Forget&) const = default;
};
// The container came to be after its session had gone.
struct DropContainer {
  SessionId id;
  std::string name;
  auto operator<=>(const DropContainer&) const = default;
};
// A directory or mount of a session that the ledger does not have any more.
struct DropRemains {
  SessionId id;
  auto operator<=>(const DropRemains&) const = default;
};
struct DropLayer {
  LayerId id;
  auto operator<=>(const DropLayer&) const = default;
};
// Carries our label but is not in the ledger, or stands under a name that is not its session's.
struct ReportStranger {
  std::string container;
  auto operator<=>(const ReportStranger&) const = default;
};

using Action = std::variant<Adopt, Settle, Undo, Conclude, Sweep, Forget, DropContainer, DropRemains,
                            DropLayer, ReportStranger>;

std::vector<Action> plan(const std::vector<Recorded>& recorded, const Observed& observed);

}  // namespace brig::reconcile
