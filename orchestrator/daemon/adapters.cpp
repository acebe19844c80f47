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

}  // namespace brig::daemon
