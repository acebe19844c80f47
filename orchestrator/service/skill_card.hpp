// What a skill says of itself: the front matter of its SKILL.md.
//
//   ---
//   name: release-notes
//   description: Writes release notes from what was merged.
//   ---
//
// That is YAML, of which these two keys are read and nothing else: plain, quoted, or as a block. Other keys
// stand there for the CLIs, and are passed over. It was written by strangers.
//
// Threads: any. Failure: Error{invalid} that says which line, and what would do.
#pragma once

#include <string>
#include <string_view>

#include "core/result.hpp"

namespace brig::service {

struct SkillCard {
  std::string name;
  std::string description;
  bool operator==(const SkillCard&) const = default;
};

inline constexpr const char* kSkillFile = "SKILL.md";
inline constexpr std::size_t kMaxFrontMatter = 16 * 1024;

// `text` is the file, or as much of it as that.
Result<SkillCard> read_skill_card(std::string_view text);

}  // namespace brig::service
