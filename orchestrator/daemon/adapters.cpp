#include "daemon/adapters.hpp"

#include <nlohmann/json.hpp>

#include "session/member.hpp"

namespace brig::daemon {
namespace {

using Role = session::Caller::Role;

std::string_view word(Role role) {
  switch (role) {
    case Role::viewer:
      return "viewer";
    case Role::user:
      return "user";
    case Role::admin:
      return "admin";
  }
  return "viewer";
}

// A role the ledger does not know may do the least.
Role role_of(std::string_view text) {
  for (auto role : {Role::viewer, Role::user, Role::admin}) {
    if (word(role) == text) return role;
  }
  return Role::viewer;
}

// Who a peer is hangs on groups and role together: a row in which one does not read is nobody's in
// particular.
std::optional<session::Caller::Member> member_of(const store::TokenRow& row) {
  if (row.peer.empty()) return std::nullopt;
  auto role = session::member_role_of(row.member);
  auto groups = nlohmann::json::parse(row.groups_json, nullptr, false);
  if (!role || !groups.is_array()) return std::nullopt;
  session::Caller::Member out{row.peer, {}, *role};
  for (const auto& group : groups) {
    if (!group.is_string()) return std::nullopt;
    out.groups.push_back(group.get<std::string>());
  }
  return out;
}

api::Token token_of(const store::TokenRow& row) {
  return {row.id,         row.hash,    row.label,   role_of(row.role), row.owner,    row.mesh,
          member_of(row), row.created, row.expires, row.revoked,       row.last_used};
}

api::Preview preview_of(const store::PreviewRow& row) {
  return {row.id, row.hash, row.session.str(), row.port, row.owner, row.mesh, row.created, row.expires};
}

}  // namespace

net::Task<Result<void>> ApiTokens::create(api::Token token) {
  store::TokenRow row;
  row.id = token.id;
  row.hash = token.hash;
  row.label = token.label;
  row.role = word(token.role);
  row.owner = token.owner;
  row.mesh = token.mesh;
  row.created = token.created;
  row.expires = token.expires;
  row.revoked = token.revoked;
  row.last_used = token.last_used;
  if (token.member) {
    row.peer = token.member->peer;
    row.groups_json = nlohmann::json(token.member->groups).dump();
    row.member = session::to_string(token.member->role);
  }
  co_return co_await table_.create(std::move(row));
}

net::Task<Result<std::vector<api::Token>>> ApiTokens::list() {
  BRIG_CO_TRY(auto rows, co_await table_.list());
  std::vector<api::Token> out;
  for (const auto& row : rows) out.push_back(token_of(row));
  co_return out;
}

net::Task<Result<std::optional<api::Token>>> ApiTokens::find(api::TokenHash hash) {
  BRIG_CO_TRY(auto row, co_await table_.find(hash));
  std::optional<api::Token> out;
  if (row) out = token_of(*row);
  co_return out;
}

net::Task<Result<void>> ApiTokens::revoke(std::string id, WallTime now) {
  co_return co_await table_.revoke(id, now);
}

net::Task<Result<void>> ApiTokens::touch(std::string id, WallTime now) {
  co_return co_await table_.touch(id, now);
}

// Making one sweeps away those that are over.
net::Task<Result<void>> ApiPreviews::create(api::Preview preview) {
  BRIG_CO_CHECK(co_await table_.remove_expired(preview.created));
  store::PreviewRow row{preview.id,      preview.hash,   SessionId(preview.session),
                        preview.port,    preview.owner,  preview.mesh,
                        preview.created, preview.expires};
  co_return co_await table_.create(std::move(row));
}

net::Task<Result<std::vector<api::Preview>>> ApiPreviews::list() {
  BRIG_CO_TRY(auto rows, co_await table_.list());
  std::vector<api::Preview> out;
  for (const auto& row : rows) out.push_back(preview_of(row));
  co_return out;
}

net::Task<Result<std::optional<api::Preview>>> ApiPreviews::find(std::string id) {
  BRIG_CO_TRY(auto row, co_await table_.find(std::move(id)));
  std::optional<api::Preview> out;
  if (row) out = preview_of(*row);
  co_return out;
}

net::Task<Result<void>> ApiPreviews::remove(std::string id) {
  co_return co_await table_.remove(std::move(id));
}

audit::Deed deed_of(const events::Event& event) {
  auto payload = nlohmann::json::parse(event.detail, nullptr, false);
  if (!payload.is_object()) payload = nlohmann::json::object();
  payload["session"] = event.session.str();
  return {event.mesh, event.kind, event.owner, payload.dump()};
}

}  // namespace brig::daemon
