#include "store/vault.hpp"

#include "core/text.hpp"

namespace brig::store {
namespace {

#define BRIG_VAULT_COLUMNS "owner, mesh, name, sealed, created_ms, replaced_ms, last_used_ms"
#define BRIG_VAULT_ONE " WHERE owner = ?1 AND mesh = ?2 AND name = ?3"

VaultRow row_of(const Statement& s) {
  auto sealed = s.blob(3);
  return {s.text(0), s.text(1), s.text(2),         {sealed.begin(), sealed.end()},
          s.time(4), s.time(5), s.optional_time(6)};
}

Result<std::optional<VaultRow>> find(Connection& connection, const std::string& owner,
                                     const std::string& mesh, const std::string& name) {
  BRIG_TRY(Statement s, connection.prepare("SELECT " BRIG_VAULT_COLUMNS " FROM vault" BRIG_VAULT_ONE));
  s.bind(1, owner).bind(2, mesh).bind(3, name);
  BRIG_TRY(bool found, s.step());
  return found ? std::optional(row_of(s)) : std::nullopt;
}

Result<std::int64_t> number(Statement s) {
  BRIG_TRY(bool row, s.step());
  return row ? s.integer(0) : 0;
}

Result<VaultRow> put(Connection& connection, const VaultRow& row, std::size_t most) {
  BRIG_TRY(Transaction transaction, Transaction::begin(connection));
  BRIG_TRY(auto before, find(connection, row.owner, row.mesh, row.name));
  if (!before) {
    BRIG_TRY(Statement s, connection.prepare("SELECT count(*) FROM vault WHERE owner = ?1 AND mesh = ?2"));
    s.bind(1, row.owner).bind(2, row.mesh);
    BRIG_TRY(auto have, number(std::move(s)));
    if (have >= static_cast<std::int64_t>(most))
      return Error{Code::too_large,
                   "your vault holds " + std::to_string(most) + " values already; remove some",
                   "store: vault", false};
  }
  {
    BRIG_TRY(
        Statement s,
        connection.prepare("INSERT INTO vault (" BRIG_VAULT_COLUMNS
                           ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (owner, mesh, name) DO UPDATE"
                           " SET sealed = excluded.sealed, replaced_ms = excluded.replaced_ms"));
    s.bind(1, row.owner).bind(2, row.mesh).bind(3, row.name).bind_blob(4, row.sealed);
    s.bind(5, row.created).bind(6, row.replaced).bind(7, row.last_used);
    BRIG_CHECK(s.done());
  }
  BRIG_TRY(auto after, find(connection, row.owner, row.mesh, row.name));
  BRIG_CHECK(transaction.commit());
  return after.value_or(row);
}

Result<std::vector<VaultRow>> list(Connection& connection, const std::string& owner,
                                   const std::string& mesh) {
  BRIG_TRY(Statement s, connection.prepare("SELECT " BRIG_VAULT_COLUMNS
                                           " FROM vault WHERE owner = ?1 AND mesh = ?2 ORDER BY name"));
  s.bind(1, owner).bind(2, mesh);
  std::vector<VaultRow> rows;
  while (true) {
    BRIG_TRY(bool more, s.step());
    if (!more) return rows;
    rows.push_back(row_of(s));
  }
}

Result<std::optional<std::vector<std::string>>> remove(Connection& connection, const std::string& owner,
                                                       const std::string& mesh, const std::string& name,
                                                       bool force) {
  using Users = std::optional<std::vector<std::string>>;
  BRIG_TRY(Transaction transaction, Transaction::begin(connection));
  BRIG_TRY(auto before, find(connection, owner, mesh, name));
  if (!before) return Users();
  std::vector<std::string> users;
  {
    BRIG_TRY(
        Statement s,
        connection.prepare("SELECT DISTINCT sessions.name FROM session_credentials JOIN sessions ON"
                           " sessions.id = session_id WHERE owner = ?1 AND mesh = ?2 AND key = ?3 AND phase"
                           " <> 'ended' ORDER BY sessions.name"));
    s.bind(1, owner).bind(2, mesh).bind(3, name);
    while (true) {
      BRIG_TRY(bool more, s.step());
      if (!more) break;
      users.push_back(s.text(0));
    }
  }
  if (!users.empty() && !force) return Users(std::move(users));
  {
    BRIG_TRY(Statement s, connection.prepare("DELETE FROM vault" BRIG_VAULT_ONE));
    s.bind(1, owner).bind(2, mesh).bind(3, name);
    BRIG_CHECK(s.done());
  }
  BRIG_CHECK(transaction.commit());
  return Users(std::move(users));
}

Result<void> touch(Connection& connection, const std::string& owner, const std::string& mesh,
                   const std::string& name, WallTime now) {
  BRIG_TRY(Statement s, connection.prepare("UPDATE vault SET last_used_ms = ?4" BRIG_VAULT_ONE));
  s.bind(1, owner).bind(2, mesh).bind(3, name).bind(4, now);
  return s.done();
}

Result<void> replace(Connection& connection, const SessionId& session,
                     const std::vector<CredentialRow>& rows) {
  BRIG_TRY(Transaction transaction, Transaction::begin(connection));
  {
    BRIG_TRY(Statement s, connection.prepare("DELETE FROM session_credentials WHERE session_id = ?1"));
    s.bind(1, session.str());
    BRIG_CHECK(s.done());
  }
  std::int64_t place = 0;
  for (const auto& row : rows) {
    BRIG_TRY(Statement s,
             connection.prepare("INSERT INTO session_credentials (session_id, place, key, rule_json,"
                                " placeholder) VALUES (?1, ?2, ?3, ?4, ?5)"));
    s.bind(1, session.str())
        .bind(2, place++)
        .bind(3, row.key)
        .bind(4, row.rule_json)
        .bind(5, row.placeholder);
    BRIG_CHECK(s.done());
  }
  return transaction.commit();
}

Result<std::vector<CredentialRow>> credentials(Connection& connection, const SessionId& session) {
  BRIG_TRY(Statement s, connection.prepare("SELECT key, rule_json, placeholder FROM session_credentials WHERE"
                                           " session_id = ?1 ORDER BY place"));
  s.bind(1, session.str());
  std::vector<CredentialRow> rows;
  while (true) {
    BRIG_TRY(bool more, s.step());
    if (!more) return rows;
    rows.push_back({s.text(0), s.text(1), s.text(2)});
  }
}

}  // namespace

net::Task<Result<VaultRow>> VaultTable::put(VaultRow row, std::size_t most) {
  auto work = [row = std::move(row), most](Connection& c) { return store::put(c, row, most); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<std::vector<VaultRow>>> VaultTable::list(std::string owner, std::string mesh) {
  auto work = [owner, mesh](Connection& c) { return store::list(c, owner, mesh); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<std::optional<VaultRow>>> VaultTable::find(std::string owner, std::string mesh,
                                                            std::string name) {
  auto work = [owner, mesh, name](Connection& c) { return store::find(c, owner, mesh, name); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<std::optional<std::vector<std::string>>>> VaultTable::remove(std::string owner,
                                                                              std::string mesh,
                                                                              std::string name, bool force) {
  auto work = [owner, mesh, name, force](Connection& c) {
    return store::remove(c, owner, mesh, name, force);
  };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<void>> VaultTable::touch(std::string owner, std::string mesh, std::string name,
                                          WallTime now) {
  auto work = [owner, mesh, name, now](Connection& c) { return store::touch(c, owner, mesh, name, now); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<std::int64_t>> VaultTable::count() {
  auto work = [](Connection& c) -> Result<std::int64_t> {
    BRIG_TRY(Statement s,
             c.prepare("SELECT (SELECT count(*) FROM vault) + (SELECT count(*) FROM audit_anchors)"
                       " + (SELECT count(*) FROM services) + (SELECT count(*) FROM service_versions)"));
    return number(std::move(s));
  };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<void>> CredentialTable::replace(SessionId session, std::vector<CredentialRow> rows) {
  auto work = [session, rows = std::move(rows)](Connection& c) { return store::replace(c, session, rows); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<std::vector<CredentialRow>>> CredentialTable::list(SessionId session) {
  auto work = [session](Connection& c) { return store::credentials(c, session); };
  co_return co_await database_.run(std::move(work));
}

}  // namespace brig::store
