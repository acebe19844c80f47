// What a workspace is made of, from the top:
//
//   the session's own layer   STATE/layers/LAYER, written to while its sandbox runs
//   frozen layers             STATE/layers/LAYER…, never written to again; sessions may share them
//   the project               the host's tree (or nothing), never written to
//
// A layer is a directory `upper` as overlayfs keeps it: whole files, whiteouts (character devices 0:0, for
// what is deleted), `trusted.overlay.opaque` (what is below such a directory does not show) and
// `trusted.overlay.redirect` (where a renamed directory was). It belongs to the project's owner, as outside.
// With a disk limit it is in LAYER/disk.img. Which layers a session has stands in the ledger alone; a layer
// that no session, checkpoint and artefact there refers to is rubbish, and reconciling drops it.
//
// Ownership: OpenLayers holds mounts that are attached nowhere; they go with it, or with the process.
// Threads: any; blocks, so run it on a worker. Failure: as Result.
#pragma once

#include <filesystem>
#include <set>
#include <span>
#include <vector>

#include "core/names.hpp"
#include "core/paths.hpp"
#include "core/result.hpp"
#include "core/unique_fd.hpp"

namespace brig::workspace {

// A session's layers, to be read: also while its sandbox runs, and after it.
class OpenLayers {
 public:
  // `own` is left out where it was never made (or is "", for frozen layers alone).
  static Result<OpenLayers> open(const StatePaths& paths, const LayerId& own,
                                 std::span<const LayerId> frozen);

  // The layers' `upper` directories, top first, read-only. Owners and modes are as outside.
  const std::vector<UniqueFd>& roots() const { return roots_; }
  // The first of roots() is the session's own layer, which may change while it is read.
  bool has_own() const { return has_own_; }

 private:
  std::vector<UniqueFd> roots_;
  bool has_own_ = false;
};

// The mount a layer's `upper` is on: read-only, attached nowhere, not idmapped.
Result<UniqueFd> mount_layer(const std::filesystem::path& layer);

// A layer's `upper`, to be written to; not idmapped.
Result<UniqueFd> open_upper(const std::filesystem::path& layer);

// Makes `to` a frozen copy of `from` as it is at one moment; who writes to `from` waits meanwhile. The bytes
// it takes. If it fails or we die there may be something at `to`. `unsupported` for layers without a disk
// limit.
Result<std::uint64_t> copy_layer(const std::filesystem::path& from, const std::filesystem::path& to);

// Lets writers go that copy_layer() has left waiting when it was killed. No error if there are none.
Result<void> release_layer(const std::filesystem::path& layer);

// All that are there, referred to or not.
Result<std::set<LayerId>> list_layers(const StatePaths& paths);

}  // namespace brig::workspace
