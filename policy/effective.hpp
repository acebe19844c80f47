// Effective: what holds for one sandbox, made of ceiling ∧ profile ∧ request. A value: comparable, hashable.
//
// resolve() never widens: every number is at most what the ceiling, the profile and the request say; every
// grant was asked for by profile or request and is allowed by the ceiling. Who asks for more than a bound
// gets Error{denied} naming field, asked value, bound and remedy; what nobody asked for is lowered in
// silence.
//
// Threads: any. Failure: Error{denied}; Error{invalid} where a request contradicts itself.
#pragma once

#include <string>
#include <vector>

#include "core/result.hpp"
#include "policy/ceiling.hpp"
#include "policy/profile.hpp"
#include "policy/request.hpp"
#include "policy/values.hpp"

namespace brig::policy {

struct Effective {
  std::string profile;  // where it came from; no part of the hash
  Runtime runtime = Runtime::runc;
  Workspace workspace = Workspace::overlay;
  Limits<std::uint64_t> limits;
  std::vector<Grant> grants;  // in canonical order, each once
  Egress egress;              // the ceiling's bound still applies to each connection

  bool has_project_write() const;
  bool has_ptrace() const;
  std::vector<GrantMount> mounts() const;
};

Result<Effective> resolve(const Ceiling& ceiling, const Profile& profile, const Request& request);

// 64 hex digits: SHA-256 of the canonical form, the profile's name left out. Equal policies, equal hashes.
std::string policy_hash(const Effective& effective);

// What a sandbox gets where neither profile nor request says anything.
const Limits<std::uint64_t>& default_limits();

}  // namespace brig::policy
