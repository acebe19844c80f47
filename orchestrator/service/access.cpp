#include "service/access.hpp"

#include "core/text.hpp"
#include "session/member.hpp"

namespace brig::service {
namespace {

using session::Caller;

std::string shown(const Caller& caller) {
  if (!caller.member) return caller.owner;
  std::string out =
      "peer " + quoted(caller.member->peer) + ", " + std::string(session::to_string(caller.member->role));
  if (!caller.member->groups.empty()) out += " in " + join(caller.member->groups, ", ");
  return out;
}

Decision allow(std::string why) {
  return {Decision::Verdict::allowed, std::move(why)};
}
Decision deny(std::string why) {
  return {Decision::Verdict::denied, std::move(why)};
}
Decision hide(std::string why) {
  return {Decision::Verdict::hidden, std::move(why)};
}

// Everything but seeing.
Decision decide_act(Operation operation, const Caller& caller, const Target* target,
                    const Overrides& overrides, bool deployer) {
  auto need = [&](Permission permission) {
    if (may(caller, permission, overrides)) return allow("its role may");
    if (caller.role == Caller::Role::viewer)
      return deny("a viewer may look but not call or change anything; use a token of role 'user'");
    return deny("you may not " + std::string(to_string(permission)) + " in this mesh");
  };
  switch (operation) {
    case Operation::see:
      return allow("it sees the service");
    case Operation::call:
      return need(Permission::tools);
    case Operation::deploy:
      return need(Permission::deploy);
    case Operation::inspect:
      if (deployer || may(caller, Permission::permissions, overrides))
        return allow("it looks after the service");
      return deny("the log of service " + quoted(target->name) +
                  " may tell what others asked it; whoever deployed it may read it, and admins");
    case Operation::change:
      if (auto first = need(Permission::deploy); !first.allowed()) return first;
      if (deployer || may(caller, Permission::permissions, overrides))
        return allow("it looks after the service");
      return deny("service " + quoted(target->name) +
                  " is not yours to change; whoever deployed it may, and admins");
    case Operation::replace:
      if (!deployer)
        return deny("service " + quoted(target->name) +
                    " is not yours to change by a deployment of your own; choose another name, or have it "
                    "removed first");
      return need(Permission::deploy);
  }
  return hide("there is no such operation");
}

}  // namespace

std::string_view to_string(Operation operation) {
  constexpr std::string_view kWords[] = {"see", "call", "inspect", "change", "replace", "deploy"};
  return kWords[static_cast<std::size_t>(operation)];
}

std::string_view to_string(Permission permission) {
  constexpr std::string_view kWords[] = {"deploy services", "manage the vault", "call tools",
                                         "manage permissions"};
  return kWords[static_cast<std::size_t>(permission)];
}

bool is_of(const Caller& caller, std::string_view mesh) {
  return caller.role == Caller::Role::admin || (!mesh.empty() && caller.mesh == mesh);
}

bool is_default(Caller::Member::Role role, Permission permission) {
  return role != Caller::Member::Role::member || permission != Permission::permissions;
}

bool may(const Caller& caller, Permission permission, const Overrides& overrides) {
  if (caller.role == Caller::Role::admin) return true;
  if (caller.role == Caller::Role::viewer) return false;
  if (!caller.member) return is_default(Caller::Member::Role::member, permission);
  return overrides[static_cast<std::size_t>(permission)].value_or(
      is_default(caller.member->role, permission));
}

Decision decide(Operation operation, const Caller& caller, std::string_view mesh, const Target* target,
                const Overrides& overrides) {
  if (caller.role == Caller::Role::admin) return allow("an admin of this host");
  if (!is_of(caller, mesh)) return hide("no token of mesh " + quoted(mesh));
  if (!target && operation != Operation::deploy) return hide("there is no such service");
  bool deployer = target && caller.owner == target->owner;
  if (target && !deployer && !target->scope.names(caller))
    return hide(shown(caller) + " is not in its scope, " + to_text(target->scope));
  return decide_act(operation, caller, target, overrides, deployer);
}

}  // namespace brig::service
