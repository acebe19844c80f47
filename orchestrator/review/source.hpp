// Where a session's changes are read from: its layers and its project, opened.
//
// The project is read through a copy of its mount that holds nothing else mounted below it, as the sandbox
// sees it.
//
// Ownership: owns all descriptors. Threads: any one at a time. Failure: as Result, with the remedy.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "core/result.hpp"
#include "review/changes.hpp"
#include "workspace/beginning.hpp"
#include "workspace/layers.hpp"
#include "workspace/project.hpp"

namespace brig::review {

struct Place {
  LayerId own;                         // as the ledger has them
  std::vector<LayerId> frozen;         // top first
  std::optional<std::string> project;  // none: the workspace began empty, or with
  LayerId base = {};                   // the lowest of `frozen`, which was cloned; empty: it was not
};

struct Source {
  workspace::OpenLayers layers;  // keeps the trees' mounts
  Trees trees;
  std::optional<workspace::Project> project;
  workspace::Identity owner;  // in whose name all is read and written
  workspace::Beginning beginning;
};

// `caller`: as for open_project().
Result<Source> open_source(const StatePaths& paths, const Place& place,
                           const std::optional<workspace::Identity>& caller,
                           std::span<const workspace::Forbidden> forbidden);

}  // namespace brig::review
