// The engine itself: is it there, which is it, what can it do, what happens in it.
//
// Threads: the loop's. Failure: as Result; no engine is `unavailable` with what to do about it, one that is
// too old or too new `unsupported`.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/result.hpp"
#include "docker/containers.hpp"
#include "docker/streams.hpp"

namespace brig::docker {

struct ApiVersion {
  unsigned major = 0;
  unsigned minor = 0;
  auto operator<=>(const ApiVersion&) const = default;
  std::string str() const { return std::to_string(major) + "." + std::to_string(minor); }
};

struct EngineVersion {
  std::string version = {};  // "20.10.24"
  ApiVersion api;            // the newest it speaks
  ApiVersion min_api;        // the oldest it speaks
  ApiVersion spoken;         // what we chose
  std::string os = {};
  std::string architecture = {};
  std::string kernel = {};
};

struct EngineInfo {
  std::string id = {};
  std::string name = {};  // of the host
  std::string version = {};
  std::string operating_system = {};
  std::string kernel = {};
  std::string architecture = {};
  std::string storage_driver = {};
  std::string logging_driver = {};
  std::string root_dir = {};
  std::string default_runtime = {};
  std::vector<std::string> runtimes = {};          // names, sorted
  std::vector<std::string> security_options = {};  // "name=seccomp,profile=default", "name=rootless", …
  std::vector<std::string> warnings = {};
  unsigned cgroup_version = 1;
  std::string cgroup_driver = {};
  unsigned cpus = 0;
  std::uint64_t memory = 0;
  std::uint64_t containers = 0;
  std::uint64_t containers_running = 0;
  std::uint64_t images = 0;
  bool memory_limit = false;
  bool swap_limit = false;
  bool pids_limit = false;
  bool cpu_quota = false;
  bool oom_kill_disable = false;
  std::string raw = {};  // the whole answer, JSON as the engine sent it

  bool has_security_option(std::string_view name) const;  // "seccomp", "apparmor", "rootless", "userns"
};

struct Event {
  std::string type = {};    // "container", "image", "volume", …
  std::string action = {};  // "start", "die", "oom", "destroy", "health_status: healthy", …
  std::string id = {};      // of the actor
  std::map<std::string, std::string> attributes = {};  // labels, name, image, exitCode, …
  std::int64_t time_ns = 0;                            // since the epoch
};

struct EventFilter {
  std::vector<std::string> types = {};
  std::vector<std::string> actions = {};
  std::vector<std::string> labels = {};
  // Also those that happened since; to go on after a break, time_ns of the last event seen (it comes again).
  std::optional<std::int64_t> since_ns = {};
};

struct DiskUse {
  struct Kind {
    std::uint64_t count = 0;
    std::uint64_t bytes = 0;
  };
  std::uint64_t layers = 0;  // bytes of all image layers, each counted once
  Kind images;
  Kind containers;  // what they wrote
  Kind volumes;
  Kind build_cache;
  std::map<std::string, std::uint64_t> volume_bytes = {};  // by name; absent where the driver can't tell
};

class System {
 public:
  virtual ~System() = default;

  virtual net::Task<Result<void>> ping(Deadline deadline = default_deadline()) = 0;
  virtual net::Task<Result<EngineVersion>> version(Deadline deadline = default_deadline()) = 0;
  virtual net::Task<Result<EngineInfo>> info(Deadline deadline = default_deadline()) = 0;
  // Returns once the engine sends events. They are hints: after a break list what is there.
  virtual net::Task<Result<std::unique_ptr<Stream<Event>>>> events(EventFilter filter,
                                                                   Deadline opening = default_deadline()) = 0;
  // May take the engine a while.
  virtual net::Task<Result<DiskUse>> disk_use(Deadline deadline = Deadline::in(std::chrono::minutes(5))) = 0;
};

}  // namespace brig::docker
