// Profiles: files of the operator, or built in.
//
// A profile is partial: what it does not say, the request, the defaults and the ceiling decide. What it says
// binds: a request may ask for less, never for more. Unknown keys are refused with the nearest known
// one.
//
// Threads: any. Failure: Error{invalid} naming file, line, key, value and what is accepted.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "policy/egress/bounds.hpp"
#include "policy/values.hpp"

namespace brig::policy {

struct Profile {
  std::string name;
  std::string description;
  bool built_in = false;  // what it says above the ceiling is lowered to it, for nobody here wrote it
  std::optional<Runtime> runtime;
  std::optional<Workspace> workspace;
  Asked limits;
  std::vector<Grant> grants;  // in canonical order
  Egress egress;
};

// `file` is named in refusals; its stem is the profile's name unless the text has a `name`.
Result<Profile> parse_profile(std::string_view toml, std::string_view file);

// default, strict, crun, gvisor.
const std::vector<Profile>& built_in_profiles();

// The text of profile.schema.json, for editors.
std::string_view profile_schema();

}  // namespace brig::policy
