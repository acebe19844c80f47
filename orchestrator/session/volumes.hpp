// What can be done with volumes, as the API sees it: those that their owners made to share among sandboxes,
// and those of providers' configuration.
//
// Ownership, threads: as Sessions. Failure: as Result; a volume that is not the caller's is `not_found`, so
// that names cannot be probed; one in use is not removed: `conflict`, by whom.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "session/sessions.hpp"

namespace brig::session {

struct VolumeView {
  std::string name;    // what its owner calls it; a provider's: as the engine does
  std::string engine;  // its name there
  std::string owner;
  std::string mesh;
  std::string provider;  // empty: it is shared among its owner's sandboxes
  std::string identity;
  WallTime created{};
  std::optional<WallTime> used;  // last
  std::string used_by;
  std::uint64_t size = 0;             // its bound; 0: there is none
  std::optional<std::uint64_t> held;  // bytes that are in it
  std::vector<std::string> sessions;  // that have it now
};

struct VolumeSpec {
  std::string name;
  std::optional<std::uint64_t> size;
  std::string mesh;  // an admin's to choose; a caller of a mesh has its own
};

class Volumes {
 public:
  virtual ~Volumes() = default;
  virtual net::Task<Result<std::vector<VolumeView>>> list(Caller caller) = 0;
  // `ref`: its name, or the engine's.
  virtual net::Task<Result<VolumeView>> get(Caller caller, std::string ref) = 0;
  virtual net::Task<Result<VolumeView>> create(Caller caller, VolumeSpec spec) = 0;
  // With all that is in it.
  virtual net::Task<Result<void>> remove(Caller caller, std::string ref) = 0;
};

}  // namespace brig::session
