// Volumes: what outlives sandboxes, of a provider's configuration and of what their owners share among them.
//
// Each is a named volume of the engine's `local` driver (brig-PROVIDER-IDENTITY-N, brig-shared-HEX-LABEL)
// whose device is a directory of Brig's own: the plain Docker CLI lists and mounts it, and a foreign `docker
// volume prune` takes the name but never what is in it (the next session makes the name anew). The directory
// is a file system of the volume's bound (volume/disk.hpp), mounted while brigd runs. Sandboxes get it, or
// their own view of it, as a bind mount. Who has which stands in the ledger before anything is mounted, and
// until what the session wrote is where it belongs.
//
// Ownership: borrows everything. close() before destroying it: it sends away who is waiting. Threads: the
// loop's. Failure: as Result; another owner's volume, and one at the engine that is not ours, is
// `denied`, by name; an exclusive one that does not become free in time is `timeout`.
#pragma once

#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <set>

#include "core/paths.hpp"
#include "docker/engine.hpp"
#include "image/provider.hpp"
#include "net/event.hpp"
#include "net/worker.hpp"
#include "store/volumes.hpp"

namespace brig::volume {

inline constexpr const char* kLabelInstallation = "brig.installation";
inline constexpr const char* kLabelKind = "brig.kind";  // "config" or "shared"

struct Options {
  std::string installation;
  StatePaths paths;
  std::uint64_t bytes = std::uint64_t{4} << 30;     // the bound of those that nobody gave one
  Millis exclusive_wait = std::chrono::minutes(4);  // for a volume that somebody has for himself
};

// One place in a sandbox that a volume is to be at.
struct Wanted {
  std::string volume;    // its name
  std::string provider;  // empty: it is no provider's configuration
  std::string identity;
  std::string target;
  bool writable = false;
  bool file = false;
  std::string initial;
  image::Sharing sharing = image::Sharing::shared;
  std::vector<std::string> keep;
};

// A bind mount: a path on the host, at a path inside.
struct Mount {
  std::string source;
  std::string target;
  bool writable = false;
};

// For whom, and how to tell that it takes a while.
struct For {
  SessionId session;
  std::string owner;
  std::string mesh;
  std::function<bool()> still_wanted;
  std::function<void(std::string)> waiting;  // is told what for
  std::optional<Millis> patience = {};       // less than Options::exclusive_wait
};

// As the engine names volumes, and not longer than a file's name may be.
Result<void> check_volume_name(std::string_view field, std::string_view name);

class Volumes {
 public:
  Volumes(net::asio::any_io_executor executor, Options options, docker::Engine& engine,
          store::VolumeTable& table, const Clock& clock, net::Worker& blocking);
  void close();

  // In their order. `places` are what else will be mounted (a target, and whether it is a file): where one
  // lies in a volume, there will be something to mount on, which goes again with the session.
  struct Place {
    std::string target;
    bool file = false;
  };
  net::Task<Result<std::vector<Mount>>> attach(For who, std::vector<Wanted> wanted,
                                               std::vector<Place> places);
  // Once its container is gone: brings back what is to be kept, takes apart the rest, lets others in. No
  // error if it has none.
  net::Task<Result<void>> detach(SessionId session);
  // Somebody who waited may not want it any more.
  void poke() { changed_.notify_all(); }

  // One that its owner made: `row` with its label, owner, mesh and bound.
  net::Task<Result<store::VolumeRow>> create(store::VolumeRow row);
  // With all that is in it, also one in quarantine. `conflict` if a session or a container has it; for a
  // prune also if it is pinned.
  net::Task<Result<void>> remove(std::string name, bool prune = false);
  // The engine forgets its name; `conflict` if a container has it.
  net::Task<Result<void>> unname(std::string name);
  // Mounted, and known to the engine if that answers.
  net::Task<Result<void>> come_back(store::VolumeRow row);
  // Asked for one that is in quarantine, or on the way there: whoever wants it gets it. Set by Quarantine.
  std::function<net::Task<Result<void>>(std::string name)> bring_back;
  // Volumes at the engine whose device is ours, but which the ledger does not know: it was lost. It gets them
  // back, from their labels. Done again it changes nothing.
  net::Task<Result<void>> recover();
  // At brigd's start: mounts what there is, ends removals that were begun. What cannot be is logged.
  net::Task<void> take_up();
  // At its end: unmounts what no sandbox has.
  net::Task<void> put_down();

  store::VolumeTable& table() { return table_; }
  docker::Engine& engine() { return engine_; }
  // Of those at the engine: is its content ours to keep?
  bool is_ours(const docker::VolumeInfo& volume) const;
  std::uint64_t standard_bytes() const { return options_.bytes; }
  std::filesystem::path directory_of(const std::string& name) const { return options_.paths.volume(name); }
  // Where its archive is while it is in quarantine.
  std::filesystem::path quarantine_of(const std::string& name) const {
    return options_.paths.quarantine(name);
  }
  std::filesystem::path quarantine() const { return options_.paths.quarantine(); }
  std::filesystem::path data_of(const std::string& name) const { return directory_of(name) / "data"; }

 private:
  struct Waiting {
    SessionId session;
    std::set<std::string> volumes;
  };
  net::Task<Result<void>> make(const For& who, const Wanted& wanted);
  net::Task<Result<void>> finish_removal(std::string name);
  net::Task<Result<void>> ensure_named(store::VolumeRow row);
  net::Task<Result<void>> wait_for_returns(const For& who, const std::string& volume);
  net::Task<Result<void>> wait_turn(const For& who, std::list<Waiting>::iterator turn);
  net::Task<Result<SessionId>> holder(SessionId session, std::list<Waiting>::iterator turn);
  Result<std::vector<Mount>> mount_all(const SessionId& session, const std::vector<Wanted>& wanted) const;
  net::Task<Result<void>> detach_one(store::AttachmentRow row);

  net::asio::any_io_executor executor_;
  Options options_;
  docker::Engine& engine_;
  store::VolumeTable& table_;
  const Clock& clock_;
  net::Worker& blocking_;
  net::Event changed_;
  std::list<Waiting> queue_;  // for what is exclusive, first come first served
  std::mutex merging_;        // one brings back at a time
  bool closing_ = false;
};

}  // namespace brig::volume
