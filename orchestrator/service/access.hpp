// Who may do what with the services of a mesh: the one decision, asked wherever a service is looked up or
// listed, by the API and the gateway alike.
//
// An admin of this host may do everything. Whoever else is not of the mesh, or is neither a service's
// deployer nor named by its scope, is told that it does not exist. What remains hangs on what their role in
// the mesh may do.
//
// Threads: any; values in, a decision out. Failure: none; what is not clearly allowed is not.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "service/scope.hpp"

namespace brig::service {

enum class Operation {
  see,      // what the catalogue says of it, its tools and their schemas
  call,     // its tools
  inspect,  // how it is made, why it failed, its log: that may tell what others asked it
  change,   // update, stop, restart, remove, another scope
  replace,  // by another deployment, which gets the keys of whoever deployed it first
  deploy,   // a new one
};
std::string_view to_string(Operation operation);

// What members may do by their role.
enum class Permission {
  deploy,       // services
  vault,        // put and remove values of their own
  tools,        // call them
  permissions,  // manage those of others, and services that they see and others have deployed
};
std::string_view to_string(Permission permission);

// Somebody for whom the mesh is there at all.
bool is_of(const session::Caller& caller, std::string_view mesh);
// What was said of one peer in particular, by Permission: it may, it may not, or nothing.
using Overrides = std::array<std::optional<bool>, 4>;

// What the role in the mesh says, unless an override of that peer says otherwise. A token of the mesh that no
// peer has is worth a member; one that may only look may do nothing.
bool may(const session::Caller& caller, Permission permission, const Overrides& overrides);
bool is_default(session::Caller::Member::Role role, Permission permission);

struct Target {
  std::string_view name;
  std::string_view owner;  // who deployed it
  const Scope& scope;
};

struct Decision {
  enum class Verdict {
    allowed,
    denied,  // the caller sees that it is there, and may be told why not
    hidden,  // the caller is told what is told of a service that is not there
  };
  Verdict verdict = Verdict::hidden;
  std::string reason;  // for whoever runs this host; when denied, for the caller too

  bool allowed() const { return verdict == Verdict::allowed; }
  bool hidden() const { return verdict == Verdict::hidden; }
};

// `target`: none for Operation::deploy, which is of the mesh itself. `overrides`: those of the caller.
Decision decide(Operation operation, const session::Caller& caller, std::string_view mesh,
                const Target* target, const Overrides& overrides);

}  // namespace brig::service
