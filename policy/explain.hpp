// Which rule gave which field: the same computation as resolve(), with its reasons.
//
// Threads: any. Failure: as resolve().
#pragma once

#include <string>
#include <vector>

#include "policy/effective.hpp"

namespace brig::policy {

enum class Rule { always, standard, ceiling, profile, request };
std::string_view to_string(Rule rule);  // "always", "default", "ceiling", "profile", "request"

struct FieldReason {
  std::string field;  // "limits.memory", "capabilities", …
  std::string value;  // for a person: "4 GiB"
  Rule rule = Rule::always;
  std::string detail;  // "profile 'strict'", "lowered from 8 GiB", "why it is always so"
};

struct GrantReason {
  Grant grant;
  std::string text;
  std::string risk;
  Rule rule = Rule::profile;
};

struct Explanation {
  Effective effective;
  std::string hash;
  std::vector<FieldReason> fields;
  std::vector<GrantReason> grants;
};

Result<Explanation> explain(const Ceiling& ceiling, const Profile& profile, const Request& request);

}  // namespace brig::policy
