// A request: what one caller asks of one session, beyond its profile.
//
// Threads: any. Failure: Error{invalid} naming key, value and what is accepted.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <vector>

#include "core/result.hpp"
#include "policy/egress/bounds.hpp"
#include "policy/values.hpp"

namespace brig::policy {

struct Request {
  std::optional<Runtime> runtime;
  std::optional<Workspace> workspace;
  Asked limits;
  std::vector<Grant> grants;  // in any order
  Egress egress;

  bool operator==(const Request&) const = default;
};

// {"runtime": "crun", "limits": {"memory": "2 GiB", "cpus": 1.5}, "workspace": {"mode": "readonly"},
//  "grants": {"ptrace": true, "mount": [{"source": "/srv/data", "target": "/data"}]},
//  "egress": {"allow": ["api.example.com"], "presets": ["npm"], "ask": true}}
// The keys of a profile, without name and description; all optional.
Result<Request> parse_request(const nlohmann::json& object);

// The inverse: what parse_request() reads back as the same request.
nlohmann::json to_json(const Request& request);

}  // namespace brig::policy
