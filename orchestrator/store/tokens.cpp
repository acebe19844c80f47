#include "store/tokens.hpp"

#include <algorithm>

#include "core/text.hpp"

namespace brig::store {

namespace {

#define BRIG_TOKEN_COLUMNS                                                                 \
  "id, hash, label, role, owner, created_ms, expires_ms, revoked_ms, last_used_ms, mesh, " \
  "peer, groups_json, member"

TokenRow row_of(const Statement& s) {
  TokenRow row;
  row.id = s.text(0);
  auto hash = s.blob(1);
  std::copy_n(hash.begin(), std::min(hash.size(), row.hash.size()), row.hash.begin());
  row.label = s.text(2);
  row.role = s.text(3);
  row.owner = s.text(4);
  row.created = s.time(5);
  row.expires = s.optional_time(6);
  row.revoked = s.optional_time(7);
  row.last_used = s.optional_time(8);
  row.mesh = s.text(9);
  row.peer = s.text(10);
  row.groups_json = s.text(11);
  row.member = s.text(12);
  return row;
}

Error no_token(const std::string& id) {
  return Error{Code::not_found, "There is no token " + brig::quoted(id) + "; `brig token ls` lists them",
               "store: tokens", false};
}

Result<void> create(Connection& connection, const TokenRow& row) {
  BRIG_TRY(Statement s,
           connection.prepare("INSERT INTO tokens (" BRIG_TOKEN_COLUMNS
                              ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"));
  s.bind(1, row.id).bind_blob(2, row.hash).bind(3, row.label).bind(4, row.role).bind(5, row.owner);
  s.bind(6, row.created).bind(7, row.expires).bind(8, row.revoked).bind(9, row.last_used);
  s.bind(10, row.mesh).bind(11, row.peer).bind(12, row.groups_json).bind(13, row.member);
  return s.done();
}

Result<std::vector<TokenRow>> list(Connection& connection) {
  std::vector<TokenRow> rows;
  BRIG_TRY(Statement s,
           connection.prepare("SELECT " BRIG_TOKEN_COLUMNS " FROM tokens ORDER BY created_ms, rowid"));
  while (true) {
    BRIG_TRY(bool more, s.step());
    if (!more) return rows;
    rows.push_back(row_of(s));
  }
}

Result<std::optional<TokenRow>> find(Connection& connection, const TokenHash& hash) {
  BRIG_TRY(Statement s, connection.prepare("SELECT " BRIG_TOKEN_COLUMNS " FROM tokens WHERE hash = ?1"));
  s.bind_blob(1, hash);
  BRIG_TRY(bool found, s.step());
  return found ? std::optional(row_of(s)) : std::nullopt;
}

Result<TokenRow> get(Connection& connection, const std::string& id) {
  BRIG_TRY(Statement s, connection.prepare("SELECT " BRIG_TOKEN_COLUMNS " FROM tokens WHERE id = ?1"));
  s.bind(1, id);
  BRIG_TRY(bool found, s.step());
  if (!found) return no_token(id);
  return row_of(s);
}

Result<void> stamp(Connection& connection, const char* sql, const std::string& id, WallTime now) {
  BRIG_TRY(Statement s, connection.prepare(sql));
  s.bind(1, id).bind(2, now);
  BRIG_CHECK(s.done());
  if (connection.changes() == 0) return no_token(id);
  return {};
}

constexpr const char* kRevoke = "UPDATE tokens SET revoked_ms = coalesce(revoked_ms, ?2) WHERE id = ?1";
constexpr const char* kTouch = "UPDATE tokens SET last_used_ms = ?2 WHERE id = ?1";

Result<std::optional<std::string>> get_meta(Connection& connection, const std::string& key) {
  BRIG_TRY(Statement s, connection.prepare("SELECT value FROM meta WHERE key = ?1"));
  s.bind(1, key);
  BRIG_TRY(bool found, s.step());
  return found ? std::optional(s.text(0)) : std::nullopt;
}

Result<void> set_meta(Connection& connection, const std::string& key, const std::string& value) {
  BRIG_TRY(Statement s, connection.prepare("INSERT INTO meta (key, value) VALUES (?1, ?2)"
                                           " ON CONFLICT (key) DO UPDATE SET value = excluded.value"));
  s.bind(1, key).bind(2, value);
  return s.done();
}

}  // namespace

net::Task<Result<void>> TokenTable::create(TokenRow row) {
  auto work = [row = std::move(row)](Connection& c) { return store::create(c, row); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<std::vector<TokenRow>>> TokenTable::list() {
  auto work = [](Connection& c) { return store::list(c); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<std::optional<TokenRow>>> TokenTable::find(TokenHash hash) {
  auto work = [hash](Connection& c) { return store::find(c, hash); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<TokenRow>> TokenTable::get(std::string id) {
  auto work = [id = std::move(id)](Connection& c) { return store::get(c, id); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<void>> TokenTable::revoke(std::string id, WallTime now) {
  auto work = [id = std::move(id), now](Connection& c) { return stamp(c, kRevoke, id, now); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<void>> TokenTable::touch(std::string id, WallTime now) {
  auto work = [id = std::move(id), now](Connection& c) { return stamp(c, kTouch, id, now); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<std::optional<std::string>>> MetaTable::get(std::string key) {
  auto work = [key = std::move(key)](Connection& c) { return get_meta(c, key); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<void>> MetaTable::set(std::string key, std::string value) {
  auto work = [key = std::move(key), value = std::move(value)](Connection& c) {
    return set_meta(c, key, value);
  };
  co_return co_await database_.run(std::move(work));
}

}  // namespace brig::store
