// What each mesh may have, and how often its members may ask for more: as whoever runs this host says.
//
// Threads: any; values. Failure: none.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "service/tool_gate.hpp"

namespace brig::service {

// 0: no bound.
struct MeshRules {
  Pinning pinning = Pinning::ask;
  std::uint64_t services = 0;
  std::uint64_t deploys_per_minute = 0;  // of each member; updates, rollbacks, restarts and pauses, too
  std::uint64_t calls_per_minute = 0;    // likewise
  std::vector<std::string> registries;   // whose images its members may deploy
};

struct Meshes {
  MeshRules standard;
  std::map<std::string, MeshRules> named;  // that have rules of their own

  const MeshRules& of(const std::string& mesh) const {
    auto it = named.find(mesh);
    return it == named.end() ? standard : it->second;
  }
};

}  // namespace brig::service
