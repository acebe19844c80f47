// What can be done with volumes, as the API sees it: those that their owners made to share among sandboxes,
// and those of providers' configuration.
//
// Ownership, threads: as Sessions. Failure: as Result; a volume that is not the caller's is `not_found`, so
// that names cannot be probed; one in use is not removed: `conflict`, by whom.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "session/sessions.hpp"

namespace brig::session {

struct VolumeUse {
  std::string session;  // its id
  std::string name;
  WallTime at{};
};

struct VolumeView {
  std::string name;    // what its owner calls it; a provider's: as the engine does
  std::string engine;  // its name there
  std::string owner;
  std::string mesh;
  std::string provider;        // empty: it is shared among its owner's sandboxes
  std::string identity;        // its id
  std::string identity_label;  // empty: it is gone
  WallTime created{};
  std::optional<WallTime> used;  // last
  std::string used_by;
  std::uint64_t size = 0;                  // its bound; 0: there is none
  std::optional<std::uint64_t> held;       // bytes that are in it
  std::optional<std::uint64_t> allocated;  // bytes that it takes on the host
  std::vector<std::string> sessions;       // that have it now
  bool pinned = false;                     // no prune takes it
  bool orphan = false;                     // of an identity or a provider that is gone
  std::string stage;                       // store::stage; empty: it is there
  std::uint64_t archive_bytes = 0;         // what it takes in quarantine
  std::optional<WallTime> quarantined;     // since when
  std::optional<WallTime> until;           // then it is gone for good
  std::vector<VolumeUse> uses;             // who had it, the newest first; get() alone says
};

// "shared" or "config".
std::string_view kind_of(const VolumeView& volume);
// When it was last used, or made if it never was.
WallTime last_use(const VolumeView& volume);

// Which ones are meant; what is not set does not matter. The same for listing and pruning.
struct VolumeFilter {
  std::string mesh;
  std::string provider;
  std::string identity;  // id or label
  std::string kind;
  std::string owner;
  std::optional<Millis> unused_for;     // nobody has it, and nobody had it for so long
  std::optional<std::uint64_t> larger;  // more bytes than that are in it
  bool orphan = false;
  bool quarantined = false;  // those in quarantine, or on the way into it or out of it, instead
};
bool matches(const VolumeView& volume, const VolumeFilter& filter, WallTime now);

enum class VolumeOrder { name, size, used };  // the largest first; what was not used for longest first
void sort_volumes(std::vector<VolumeView>& volumes, VolumeOrder order);

// One at the engine that Brig did not make, and never touches.
struct ForeignVolume {
  std::string name;
  std::string driver;
  std::optional<WallTime> created;
  std::vector<std::string> containers;  // that know it, in whatever state
};

struct VolumeSpec {
  std::string name;
  std::optional<std::uint64_t> size;
  std::string mesh;  // an admin's to choose; a caller of a mesh has its own
};

// Bytes on their way out. Destroying it ends that.
class Outgoing {
 public:
  virtual ~Outgoing() = default;
  virtual net::Task<Result<std::vector<std::byte>>> read() = 0;  // empty: that was all
};

// An archive on its way in; destroyed before it is finished, nothing comes of it.
class Incoming {
 public:
  virtual ~Incoming() = default;
  // `bytes` must last until it returns.
  virtual net::Task<Result<void>> write(std::span<const std::byte> bytes) = 0;
  // It was looked at to its end; now the volume is made.
  virtual net::Task<Result<VolumeView>> finish() = 0;
};

// Under which name, "" for the one that it had, and for whom.
struct ImportSpec {
  std::string name;
  std::string mesh;
};

class Volumes {
 public:
  virtual ~Volumes() = default;
  virtual net::Task<Result<std::vector<VolumeView>>> list(Caller caller, VolumeFilter filter,
                                                          VolumeOrder order) = 0;
  // For admins: they belong to nobody here.
  virtual net::Task<Result<std::vector<ForeignVolume>>> foreign(Caller caller) = 0;
  // `ref`: its name, or the engine's.
  virtual net::Task<Result<VolumeView>> get(Caller caller, std::string ref) = 0;
  // Out of quarantine; no error if it is there.
  virtual net::Task<Result<VolumeView>> restore(Caller caller, std::string ref) = 0;
  virtual net::Task<Result<VolumeView>> create(Caller caller, VolumeSpec spec) = 0;
  virtual net::Task<Result<VolumeView>> pin(Caller caller, std::string ref, bool pinned) = 0;
  // As an archive (volume/portable.hpp) of one moment.
  virtual net::Task<Result<std::unique_ptr<Outgoing>>> carry_out(Caller caller, std::string ref) = 0;
  virtual net::Task<Result<std::unique_ptr<Incoming>>> take_in(Caller caller, ImportSpec spec) = 0;
  // A copy of one moment, shared whatever the other one was.
  virtual net::Task<Result<VolumeView>> clone(Caller caller, std::string ref, ImportSpec spec) = 0;
  // Into quarantine; or with all that is in it and for good, also out of quarantine. `conflict` if it is in
  // use or pinned.
  enum class Removal { quarantine, for_good };
  virtual net::Task<Result<void>> remove(Caller caller, std::string ref, Removal how) = 0;
};

}  // namespace brig::session
