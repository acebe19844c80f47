// Who may see and call a service: its deployer, and whoever its scope names.
//
//   "peer"                         nobody else
//   "mesh"                         every token of the mesh
//   {"peers": ["ana", "bo"]}       these peers
//   {"group": "backend"}           whoever is in it, or in a group beneath it; {"groups": [...]}: in any
//   {"role": "admin"}              whoever has exactly this role; {"roles": [...]}: any
//
// An object with several of them is for whoever one of them names.
//
// Threads: plain values. Failure: Error{invalid} that names the field, the value and the rule. What does not
// read is no scope: whoever reads one from elsewhere falls back to "peer".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "session/sessions.hpp"

namespace brig::service {

struct Scope {
  bool mesh = false;
  std::vector<std::string> peers;
  std::vector<std::string> groups;
  std::vector<session::Caller::Member::Role> roles;

  bool operator==(const Scope&) const = default;
  bool names(const session::Caller& caller) const;
};

// Strictly: no unknown key, nothing empty, nothing twice. A scope that names nobody is refused.
Result<Scope> read_scope(std::string_view json);
// In the shortest way that read_scope() takes.
std::string to_json(const Scope& scope);
// "peer", "mesh", "peers ana, bo; groups backend"
std::string to_text(const Scope& scope);

}  // namespace brig::service
