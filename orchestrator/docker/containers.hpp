// Containers of an engine: the group /containers of the Engine API.
//
// `ref` is an id or a name. Bodies of create and update are ready JSON: what is in them is the policy's
// matter.
//
// Threads: the loop's. Failure: as Result. 404 is `not_found`, 409 `conflict` (name taken, not running, …),
// with the engine's own sentence in the message; "already so" (304) is not an error but Change::already. No
// answer in time is `timeout`, no engine `unavailable`; both are retryable, and then it is not known whether
// the call was carried out.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/names.hpp"
#include "core/result.hpp"
#include "docker/streams.hpp"

namespace brig::docker {

// What a call gets when its caller has no better idea.
inline Deadline default_deadline() {
  return Deadline::in(std::chrono::seconds(60));
}

struct CreateOptions {
  std::string name = {};
  std::string body = {};      // JSON
  std::string platform = {};  // "linux/arm64"; empty: the engine's own
};
struct Created {
  ContainerId id;
  std::vector<std::string> warnings = {};
};

enum class Change { done, already };

enum class ContainerStatus { created, running, paused, restarting, removing, exited, dead, unknown };
std::string_view to_string(ContainerStatus status);

struct ContainerState {
  ContainerStatus status = ContainerStatus::unknown;
  bool running = false;  // also while paused
  bool paused = false;
  bool oom_killed = false;
  std::int64_t pid = 0;  // on the engine's host; 0 when not running
  int exit_code = 0;
  std::string error = {};  // why it could not be started, in the runtime's words
  std::optional<WallTime> started = {};
  std::optional<WallTime> finished = {};
};

struct ContainerMount {
  std::string type = {};  // "bind", "volume", "tmpfs"
  std::string name = {};  // of the volume
  std::string source = {};
  std::string destination = {};
  std::string driver = {};
  std::string propagation = {};
  bool writable = false;
};

struct ContainerInfo {
  ContainerId id;
  std::string name = {};  // without the leading '/'
  ImageId image;          // "sha256:…"
  std::string image_name = {};
  std::string runtime = {};
  WallTime created{};
  ContainerState state;
  std::map<std::string, std::string> labels = {};
  std::vector<ContainerMount> mounts = {};
  bool tty = false;
  std::string raw = {};  // the whole answer, JSON as the engine sent it
};

struct ContainerSummary {
  ContainerId id;
  std::string name = {};
  ImageId image;
  std::string image_name = {};
  ContainerStatus status = ContainerStatus::unknown;
  WallTime created{};
  std::map<std::string, std::string> labels = {};
  std::vector<ContainerMount> mounts = {};
};

struct ContainerFilter {
  bool all = true;                         // also those that do not run
  std::vector<std::string> labels = {};    // "key" or "key=value"; all must match
  std::vector<std::string> names = {};     // regular expressions of the engine's; any may match
  std::vector<std::string> statuses = {};  // "exited", …; any may match
};

enum class WaitFor { next_exit, not_running, removed };
struct Exit {
  int code = 0;
  std::string error = {};  // why the engine could not wait to the end, if so
};
// A wait that the engine has registered.
class ExitWait {
 public:
  virtual ~ExitWait() = default;
  // `unavailable` if the engine goes away meanwhile: ask inspect() then.
  virtual net::Task<Result<Exit>> result(Deadline deadline) = 0;
};

struct Stats {
  WallTime read{};
  std::uint64_t cpu_ns = 0;         // used since the start
  std::uint64_t system_cpu_ns = 0;  // of the whole host, for shares
  unsigned cpus = 0;
  std::uint64_t memory = 0;  // in use, without page cache that can be dropped
  std::uint64_t memory_limit = 0;
  std::uint64_t pids = 0;
  std::uint64_t pids_limit = 0;
  std::uint64_t block_read = 0;
  std::uint64_t block_written = 0;
  std::uint64_t throttled_ns = 0;
};

struct Top {
  std::vector<std::string> titles = {};
  std::vector<std::vector<std::string>> rows = {};
};

struct LogOptions {
  bool out = true;
  bool err = true;
  bool follow = false;
  bool timestamps = false;
  std::optional<std::uint64_t> tail = {};  // lines; none: all
  std::optional<WallTime> since = {};
};

struct AttachOptions {
  bool in = false;
  bool out = true;
  bool err = true;
  bool logs = false;  // replay what was written before
};
// Both directions of a container's standard streams. next() and write() may run at the same time.
class Attachment : public Stream<Chunk> {
 public:
  virtual net::Task<Result<void>> write(std::span<const std::byte> bytes) = 0;
  // No more input; output goes on.
  virtual net::Task<Result<void>> close_write() = 0;
};

struct PathStat {
  std::string name = {};
  std::uint64_t size = 0;
  std::uint32_t mode = 0;  // Go's os.FileMode: bit 31 is a directory
  std::string link_target = {};
  bool is_directory() const { return (mode & 0x8000'0000u) != 0; }
};

class Containers {
 public:
  virtual ~Containers() = default;

  virtual net::Task<Result<Created>> create(CreateOptions options,
                                            Deadline deadline = default_deadline()) = 0;
  virtual net::Task<Result<Change>> start(std::string ref, Deadline deadline = default_deadline()) = 0;
  // The image's stop signal, SIGKILL after `grace` (whole seconds, rounded up). Give the deadline room for
  // it.
  virtual net::Task<Result<Change>> stop(std::string ref, Millis grace,
                                         Deadline deadline = default_deadline()) = 0;
  // `signal` as in "KILL" or "SIGTERM". Not running is `conflict`.
  virtual net::Task<Result<void>> kill(std::string ref, std::string signal,
                                       Deadline deadline = default_deadline()) = 0;
  // Returns once the engine has registered the wait, so next_exit asked before start() misses nothing.
  virtual net::Task<Result<std::unique_ptr<ExitWait>>> wait(std::string ref, WaitFor what,
                                                            Deadline deadline = default_deadline()) = 0;
  virtual net::Task<Result<void>> pause(std::string ref, Deadline deadline = default_deadline()) = 0;
  virtual net::Task<Result<void>> unpause(std::string ref, Deadline deadline = default_deadline()) = 0;
  // Gives the engine's warnings.
  virtual net::Task<Result<std::vector<std::string>>> update(std::string ref, std::string body,
                                                             Deadline deadline = default_deadline()) = 0;
  virtual net::Task<Result<ContainerInfo>> inspect(std::string ref,
                                                   Deadline deadline = default_deadline()) = 0;
  virtual net::Task<Result<std::vector<ContainerSummary>>> list(ContainerFilter filter,
                                                                Deadline deadline = default_deadline()) = 0;
  virtual net::Task<Result<Stats>> stats(std::string ref, Deadline deadline = default_deadline()) = 0;
  // About one a second, until the container is removed or the deadline passes.
  virtual net::Task<Result<std::unique_ptr<Stream<Stats>>>> stats_stream(std::string ref,
                                                                         Deadline deadline) = 0;
  virtual net::Task<Result<Top>> top(std::string ref, std::string ps_args,
                                     Deadline deadline = default_deadline()) = 0;
  // The deadline bounds the whole stream.
  virtual net::Task<Result<std::unique_ptr<Stream<Chunk>>>> logs(std::string ref, LogOptions options,
                                                                 Deadline deadline = default_deadline()) = 0;
  // The deadline bounds the opening only.
  virtual net::Task<Result<std::unique_ptr<Attachment>>> attach(std::string ref, AttachOptions options,
                                                                Deadline deadline = default_deadline()) = 0;
  virtual net::Task<Result<PathStat>> archive_stat(std::string ref, std::string path,
                                                   Deadline deadline = default_deadline()) = 0;
  // Writes a tar archive of `path` to `sink`.
  virtual net::Task<Result<PathStat>> archive_get(std::string ref, std::string path, Sink& sink,
                                                  Deadline deadline = default_deadline()) = 0;
  // Unpacks a tar archive into the directory `path`.
  virtual net::Task<Result<void>> archive_put(std::string ref, std::string path, Source& tar,
                                              Deadline deadline = default_deadline()) = 0;
  struct RemoveOptions {
    bool force = false;    // kill it first
    bool volumes = false;  // with its anonymous volumes
  };
  virtual net::Task<Result<void>> remove(std::string ref, RemoveOptions options,
                                         Deadline deadline = default_deadline()) = 0;
};

}  // namespace brig::docker
