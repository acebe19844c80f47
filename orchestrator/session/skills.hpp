// Skills: bundles of files that a mesh has, mounted into the sessions of it.
//
// A session has those that its starter may see at that moment, as they are then, until it is removed: its row
// in the ledger holds their layers, whatever becomes of the skills meanwhile. Whose skills there are and who
// may see them is told by whoever has them.
//
// Threads: the loop's. Failure: none; what cannot be told is not there.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/names.hpp"
#include "session/sessions.hpp"

namespace brig::session {

// In its layer, beside what it was made from.
inline constexpr const char* kSkillFiles = "files";
// Each at its name in here, and where its provider's CLI looks for skills.
inline constexpr const char* kSkillsInside = "/opt/brig/skills";
inline constexpr std::size_t kMaxSkills = 64;

struct Skill {
  std::string name;
  LayerId layer;
};

// What this caller sees in a mesh: what is his own first, then that of others; each by name.
using SkillsFor = std::function<std::vector<Skill>(const Caller& caller, const std::string& mesh)>;

}  // namespace brig::session
