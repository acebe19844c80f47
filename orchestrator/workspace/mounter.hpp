// Workspaces: an overlay at STATE/sessions/ID/workspace whose lowest layer is the project, which is never
// written, and whose uppermost belongs to the session (workspace/layers.hpp).
//
// Inside the sandbox there is one user, 1000:1000. All layers are idmapped so that the project's owner
// appears as 1000, and what 1000 writes belongs to the owner outside; root stays root (the kernel needs it
// for the overlay's own work directory), unless the project is root's: then the two change places. Everyone
// else's files belong to nobody inside.
//
// The project itself, where that is asked for, is mounted as idmapped, without set-user-id and devices. A
// project of root's is not: what 1000 leaves in it, marked set-user-id, would be root's.
//
// With a disk limit the session's own layer lives in an ext4 image of that size.
//
// Ownership: mounts are the kernel's; they outlive brigd, and reconciling finds them by list_mounts().
// Threads: any, several at once; blocking system calls, so run on a worker. Failure: as Result; a mount that
// fails leaves nothing mounted. A kernel that can't is `unsupported`, naming the version needed.
#pragma once

#include <sys/types.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/result.hpp"
#include "core/unique_fd.hpp"
#include "workspace/project.hpp"

namespace brig::workspace {

inline constexpr uid_t kInside = 1000;  // the uid and gid inside

enum class Mode {
  layers,    // copy-on-write
  direct,    // the project itself, writable
  readonly,  // the project itself
};

struct MountSpec {
  Mode mode = Mode::layers;                   // others take a project, and neither layers nor a disk limit
  std::filesystem::path session;              // STATE/sessions/ID: workspace is made in it
  std::filesystem::path layer;                // STATE/layers/LAYER, written to; made if it is not there
  std::vector<std::filesystem::path> frozen;  // likewise, only read; top first
  const Project* project = nullptr;           // none: what is below is empty
  uid_t uid = kInside;  // owner outside where there is neither project nor frozen layer, whose is used else
  gid_t gid = kInside;
  std::uint64_t disk_bytes = 0;  // 0: as much as the state directory has
};

class Mounter {
 public:
  enum class Method {
    automatic,  // layers as descriptors if the kernel takes them, else attached for a moment
    attached,   // for kernels before 6.13
  };
  explicit Mounter(Method method = Method::automatic) : method_(method) {}

  // `conflict` if something is mounted there already.
  Result<void> mount(const MountSpec& spec);
  // Of Mode::layers: attached nowhere, and gone with the descriptor.
  Result<UniqueFd> stack(const MountSpec& spec);

 private:
  Result<UniqueFd> project_itself(const MountSpec& spec);
  Result<int> user_namespace(uid_t uid, gid_t gid);

  Method method_;
  std::mutex mutex_;
  std::map<std::pair<uid_t, gid_t>, UniqueFd> namespaces_;  // one per owner: making one costs a process
};

// What a mounted workspace may hold, and has left. Asks the kernel alone; blocks for no disk.
struct Space {
  std::uint64_t bytes = 0;
  std::uint64_t free_bytes = 0;
  std::uint64_t free_files = 0;
  // A large write is refused as a whole, and leaves up to its own size.
  bool full() const { return free_bytes < std::min(std::uint64_t{1} << 20, bytes / 32) || free_files == 0; }
};
std::optional<Space> space_of(const std::filesystem::path& session);

// Unmounts STATE/sessions/ID/workspace and what belongs to it. Busy ones vanish once the last user is gone.
// No error if nothing is mounted.
Result<void> unmount(const std::filesystem::path& session);

// The session directories under `sessions` that have something mounted in them.
Result<std::vector<std::filesystem::path>> list_mounts(const std::filesystem::path& sessions);

// Deletes the directory of a session or a layer with everything in it, whatever was planted there: follows no
// link and crosses no mount (`conflict` if something is still mounted). No error if it is not there.
Result<void> destroy(const std::filesystem::path& directory);

}  // namespace brig::workspace
