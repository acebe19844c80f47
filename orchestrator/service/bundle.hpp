// The files of skills: STATE/layers/LAYER/files, beside what they were taken from.
//
// They are plain files and directories of root's that everybody may read and nobody writes: no links (one to
// a file within is that file), no devices, no set-user-id. So they can be mounted as they are into any number
// of sandboxes, and be read here without anything being mounted. What they are taken from was made by
// strangers; nothing leaves it.
//
// Ownership: borrows the worker. Threads: the loop's, but for keep_bundle(), which blocks. Failure: as
// Result; what a bundle may not hold is `invalid`, by name.
#pragma once

#include "core/paths.hpp"
#include "net/worker.hpp"
#include "service/services.hpp"
#include "service/tree.hpp"

namespace brig::service {

struct Bundle {
  Tree tree;
  SkillCard card;
};

// Takes what lies in `source` into the layer; `.git` at its root stays behind.
Result<Bundle> keep_bundle(const StatePaths& paths, const LayerId& layer, int source);

class Bundles {
 public:
  Bundles(StatePaths paths, net::Worker& blocking) : paths_(std::move(paths)), blocking_(blocking) {}

  net::Task<Result<std::vector<BundleFile>>> list(LayerId layer);
  // `not_found` if there is no such file; a path out of the bundle is none.
  net::Task<Result<std::unique_ptr<FileReader>>> open(LayerId layer, std::string path);

 private:
  StatePaths paths_;
  net::Worker& blocking_;
};

}  // namespace brig::service
