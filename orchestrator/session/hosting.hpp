// Sandboxes that Brig keeps for itself: builders, and the servers of services.
//
// They are sessions of whoever they work for, so that policy, quotas, the way out, volumes, a restart of ours
// and the cleaning up after a crash are those of sessions. The ledger knows them by labels that nobody else
// can give. Their owners see them, and change nothing about them: that goes by what they are kept for.
//
// Ownership: whoever asked owns a Built; all go before the service's close() returns. Threads: the loop's.
// Failure: as Result.
#pragma once

#include <functional>
#include <memory>

#include "core/unique_fd.hpp"
#include "session/sessions.hpp"

namespace brig::session {

inline constexpr std::string_view kServiceLabel = "brig.service";
inline constexpr std::string_view kBuildLabel = "brig.build";

inline constexpr const char* kGone = "session: pause";  // where an error is from

// What a builder left in its workspace. Goes with this, unless the ledger has made it somebody else's.
class Built {
 public:
  virtual ~Built() = default;
  virtual const SessionId& session() const = 0;
  virtual const LayerId& layer() const = 0;
};

struct HostSpec {
  CreateSpec create;    // its egress is all that it may reach, whatever its owner allows elsewhere
  std::string purpose;  // whom it is for: "acme/files"
  LayerId below;        // what its workspace begins with; empty: nothing
  std::string cwd;      // of its command; empty: /workspace
  std::shared_ptr<const UniqueFd> input;  // of build(): a file that its command reads as standard input
};

struct Hosted {
  SessionId id;
  std::string purpose;
  bool live = false;  // it runs and is looked after
};

class Hosting {
 public:
  virtual ~Hosting() = default;
  // Runs a command to its end. An error if that is not a good one, with its last words. `began` is told once
  // it runs.
  virtual net::Task<Result<std::unique_ptr<Built>>> build(Caller caller, HostSpec spec,
                                                          std::function<void()> began) = 0;
  // Returns once its command runs. It stays until dismiss(), also when it has ended.
  virtual net::Task<Result<SessionId>> host(Caller caller, HostSpec spec) = 0;
  // Whatever host() began, also before a restart of ours. Those that had ended when we began stay until
  // dismiss(), too, so that others can be there before anything is cleared away.
  virtual net::Task<Result<std::vector<Hosted>>> hosted() = 0;
  virtual net::Task<Result<std::unique_ptr<Attachment>>> attend(SessionId id, AttachSpec spec) = 0;
  // Stops its time, or lets it go on; no error if that is so already. With kGone as its place, there is none.
  // Nobody can connect to it meanwhile.
  virtual net::Task<Result<void>> pause(SessionId id, bool paused) = 0;
  // SIGTERM to everything in it, SIGKILL after `grace`, and nothing of it is left. No error if it is gone.
  virtual net::Task<Result<void>> dismiss(SessionId id, Millis grace) = 0;
  // Layers that nothing in the ledger refers to any more.
  virtual net::Task<Result<void>> drop_stray_layers() = 0;
};

}  // namespace brig::session
