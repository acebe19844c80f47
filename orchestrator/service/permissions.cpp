#include "service/permissions.hpp"

#include <nlohmann/json.hpp>

#include "core/log.hpp"
#include "core/text.hpp"
#include "session/member.hpp"

namespace brig::service {
namespace {

using nlohmann::json;
using session::Caller;

const Overrides kNone;

Overrides nothing_at_all() {
  Overrides out;
  out.fill(false);
  return out;
}

Error denied(std::string message) {
  return {Code::denied, std::move(message), "permissions", false};
}

Error no_mesh(const std::string& mesh) {
  return {Code::not_found, "there is no mesh " + quoted(mesh) + " that you may see; use a token of it",
          "permissions", false};
}

}  // namespace

std::string_view word_of(Permission permission) {
  constexpr std::string_view kWords[] = {"deploy", "vault", "tools", "permissions"};
  return kWords[static_cast<std::size_t>(permission)];
}

std::optional<Permission> permission_of(std::string_view word) {
  for (auto permission : kPermissions)
    if (word_of(permission) == word) return permission;
  return std::nullopt;
}

std::string to_json(const Overrides& overrides) {
  json out = json::object();
  for (auto permission : kPermissions)
    if (const auto& one = overrides[static_cast<std::size_t>(permission)])
      out[std::string(word_of(permission))] = *one;
  return out.dump();
}

Overrides overrides_from_json(std::string_view text) {
  auto in = json::parse(text, nullptr, false);
  if (!in.is_object()) return nothing_at_all();
  Overrides out;
  for (const auto& [key, value] : in.items()) {
    auto permission = permission_of(key);
    if (!permission || !value.is_boolean()) return nothing_at_all();
    out[static_cast<std::size_t>(*permission)] = value.get<bool>();
  }
  return out;
}

net::Task<Result<void>> Permissions::load() {
  BRIG_CO_TRY(auto rows, co_await table_.list());
  for (const auto& row : rows) overrides_[{row.mesh, row.peer}] = overrides_from_json(row.overrides_json);
  co_return Result<void>();
}

const Overrides& Permissions::of(const std::string& mesh, const std::string& peer) const {
  auto it = overrides_.find({mesh, peer});
  return it == overrides_.end() ? kNone : it->second;
}

const Overrides& Permissions::of(const Caller& caller) const {
  return caller.member ? of(caller.mesh, caller.member->peer) : kNone;
}

Result<void> Permissions::require(const Caller& caller, const std::string& mesh,
                                  Permission permission) const {
  if (!is_of(caller, mesh)) return no_mesh(mesh);
  if (may(caller, permission, of(caller))) return {};
  return denied("you may not " + std::string(to_string(permission)) + " in mesh " + quoted(mesh) +
                "; its owners and admins say who may");
}

Result<std::vector<Permissions::Entry>> Permissions::list(const Caller& caller,
                                                          const std::string& mesh) const {
  BRIG_CHECK(check_name("mesh", mesh));
  if (!is_of(caller, mesh)) return no_mesh(mesh);
  bool all = may(caller, Permission::permissions, of(caller));
  std::vector<Entry> out;
  for (auto it = overrides_.lower_bound({mesh, ""}); it != overrides_.end() && it->first.first == mesh; ++it)
    if (all || (caller.member && caller.member->peer == it->first.second))
      out.push_back({it->first.second, it->second});
  return out;
}

Result<void> Permissions::check(const Caller& caller, const std::string& mesh, const std::string& peer,
                                const Overrides& overrides) const {
  BRIG_CHECK(check_name("mesh", mesh));
  BRIG_CHECK(require(caller, mesh, Permission::permissions));
  BRIG_CHECK(session::check_peer("peer", peer));
  if (caller.role == Caller::Role::admin) return {};
  if (caller.member && caller.member->peer == peer)
    return denied("nobody changes their own permissions; another owner or admin of the mesh may");
  constexpr auto kManage = static_cast<std::size_t>(Permission::permissions);
  bool owner = caller.member && caller.member->role == Caller::Member::Role::owner;
  if (owner || overrides[kManage] == of(mesh, peer)[kManage]) return {};
  return denied("who may manage permissions is for an owner of the mesh to say");
}

net::Task<Result<void>> Permissions::set(Caller caller, std::string mesh, std::string peer,
                                         Overrides overrides) {
  BRIG_CO_CHECK(check(caller, mesh, peer, overrides));
  bool any = overrides != kNone;
  store::PermissionRow row{mesh, peer, to_json(overrides)};
  if (any) {
    BRIG_CO_CHECK(co_await table_.put(row));
  } else {
    BRIG_CO_CHECK(co_await table_.remove(mesh, peer));
  }
  log::info("permissions",
            {{"mesh", mesh}, {"peer", peer}, {"are", row.overrides_json}, {"by", caller.owner}});
  if (any)
    overrides_[{mesh, peer}] = overrides;
  else
    overrides_.erase({mesh, peer});
  co_return Result<void>();
}

}  // namespace brig::service
