// What takes room on this host's disk: what is Brig's, how much of that nothing uses now, and what else the
// engine keeps.
//
// Ownership: borrows everything; callers get copies. Threads: the loop's; the disk is walked on a thread of
// its own. Failure: as Result; without an engine that answers it is `unavailable`.
#pragma once

#include "core/paths.hpp"
#include "prune/evidence.hpp"
#include "store/services.hpp"

namespace brig::prune {

struct Portion {
  std::string kind;  // "workspaces", "images", …
  std::uint64_t count = 0;
  std::optional<std::uint64_t> bytes;  // on the disk
  std::uint64_t idle = 0;              // of these things: that nothing uses now
  std::uint64_t idle_bytes = 0;
  std::string remedy;  // the command that looks after it
};

struct Footprint {
  std::vector<Portion> ours;
  std::vector<Portion> others;  // the engine's, not Brig's
  std::uint64_t size = 0;       // of the file system that the state is on
  std::uint64_t free = 0;
};

class Footprints {
 public:
  virtual ~Footprints() = default;
  virtual net::Task<Result<Footprint>> footprint() = 0;
};

class Surveyor final : public Footprints {
 public:
  Surveyor(Sources sources, store::ServiceTable& services, StatePaths paths)
      : sources_(sources), services_(services), paths_(std::move(paths)) {}
  net::Task<Result<Footprint>> footprint() override;

 private:
  Sources sources_;
  store::ServiceTable& services_;
  StatePaths paths_;
  net::Worker walking_{1};
};

}  // namespace brig::prune
