// Which volumes can go, and why the others stay: a pure function of what was seen at one moment.
//
//   Evidence seen = …;                     // prune/evidence.hpp takes it
//   Plan plan = make_plan(rules, seen);    // nothing is done, nothing is asked
//
// A volume goes only if nothing speaks for it. What speaks for one: a pin; a session that has it, is being
// made with it, or would have it again when it is restored; a container of the engine's, in whatever state
// and whosever; a mount of it anywhere on the host; a use that is not long enough ago; and being among the
// last ones used, where those are kept.
//
// Threads: any. Failure: none.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "session/volumes.hpp"

namespace brig::prune {

// How long nobody must have had a volume, unless somebody says otherwise.
inline constexpr Millis kUnusedFor = std::chrono::hours(24 * 30);

struct Rules {
  session::VolumeFilter filter;  // `unused_for`: kUnusedFor if not set
  std::uint64_t keep_last = 0;   // of each owner, mesh and provider this many, the last used ones
};

// What was seen, each part from a source of its own. Names are the engine's.
struct Evidence {
  struct Container {
    std::string name;
    std::string state;                 // "exited"
    bool ours = false;                 // a session's
    std::vector<std::string> volumes;  // that it names, or has the directory of
  };
  struct Session {
    std::string name;
    std::string phase;
    std::vector<std::string> volumes;  // that it has, or will ask for
  };
  struct Mount {
    std::string volume;
    std::string point;  // where it is mounted beside its own place
  };

  WallTime at{};
  std::vector<session::VolumeView> volumes;
  std::vector<Container> containers;
  std::vector<Session> sessions;
  std::vector<Mount> mounts;
};

struct Verdict {
  session::VolumeView volume;
  bool goes = false;
  std::vector<std::string> reasons;  // why it stays, or why it may go
};

struct Plan {
  WallTime at{};
  Rules rules;
  std::vector<Verdict> verdicts;  // those that go first, the largest first; then those that stay, by name
  std::uint64_t bytes = 0;        // on the host, of those that go
};

Plan make_plan(Rules rules, const Evidence& evidence);

// A volume that somebody agreed to see gone, as it was then.
struct Agreed {
  std::string volume;
  std::string used;  // use_of() then
};
// When it was last used, or made: as text, which is compared and nothing else.
std::string use_of(const session::VolumeView& volume);
// For people: in whole days where there are some.
std::string rounded(Millis time);
// What is not as it was agreed, in words; empty: everything is.
std::vector<std::string> differences(const std::vector<Agreed>& agreed, const Plan& now);

}  // namespace brig::prune
