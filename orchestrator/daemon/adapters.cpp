#include "daemon/adapters.hpp"

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

api::Token token_of(const store::TokenRow& row) {
  return {row.id,   row.hash,    row.label,   role_of(row.role), row.owner,
          row.mesh, row.created, row.expires, row.revoked,       row.last_used};
}

api::Preview preview_of(const store::PreviewRow& row) {
  return {row.id, row.hash, row.session.str(), row.port, row.owner, row.mesh, row.created, row.expires};
}

}  // namespace

net::Task<Result<void>> ApiTokens::create(api::Token token) {
  store::TokenRow row{token.id,      token.hash,     token.label,   std::string(word(token.role)),
                      token.owner,   token.mesh,     token.created, token.expires,
                      token.revoked, token.last_used};
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

}  // namespace brig::daemon
