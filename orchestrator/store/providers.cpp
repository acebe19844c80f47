#include "store/providers.hpp"

#include "core/text.hpp"

namespace brig::store {
namespace {

ProviderRow provider_of(const Statement& s) {
  return {s.text(0), s.text(1), s.text(2), s.time(3), s.time(4)};
}

Result<ProviderRow> put(Connection& connection, const ProviderRow& row) {
  BRIG_TRY(Statement s,
           connection.prepare("INSERT INTO providers (id, declaration, owner, created_ms, updated_ms)"
                              " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (id) DO UPDATE SET"
                              " declaration = excluded.declaration, owner = excluded.owner,"
                              " updated_ms = excluded.updated_ms"
                              " RETURNING id, declaration, owner, created_ms, updated_ms"));
  s.bind(1, row.id).bind(2, row.declaration).bind(3, row.owner).bind(4, row.created).bind(5, row.updated);
  BRIG_TRY(bool stored, s.step());
  if (!stored) return Error{Code::internal, "a provider was stored and is not there", "store", false};
  auto out = provider_of(s);
  BRIG_CHECK(s.done());
  return out;
}

Result<std::vector<ProviderRow>> list(Connection& connection) {
  std::vector<ProviderRow> rows;
  BRIG_TRY(Statement s, connection.prepare("SELECT id, declaration, owner, created_ms, updated_ms"
                                           " FROM providers ORDER BY id"));
  while (true) {
    BRIG_TRY(bool more, s.step());
    if (!more) return rows;
    rows.push_back(provider_of(s));
  }
}

Result<void> remove(Connection& connection, const std::string& id) {
  BRIG_TRY(Statement s, connection.prepare("DELETE FROM providers WHERE id = ?1"));
  s.bind(1, id);
  BRIG_CHECK(s.done());
  if (connection.changes() > 0) return {};
  return Error{Code::not_found, "no provider " + brig::quoted(id) + " was declared over the API",
               "store: providers", false};
}

Result<void> put_hook(Connection& connection, const HookRow& row) {
  BRIG_TRY(Statement s, connection.prepare("INSERT OR REPLACE INTO hooks"
                                           " (session_id, program, project, phase, cleanup_json, deadline_ms)"
                                           " VALUES (?1, ?2, ?3, ?4, ?5, ?6)"));
  s.bind(1, row.session.str()).bind(2, row.program).bind(3, row.project).bind(4, row.phase);
  s.bind(5, row.cleanup_json).bind(6, static_cast<std::int64_t>(row.deadline_ms));
  return s.done();
}

Result<std::optional<HookRow>> find_hook(Connection& connection, const SessionId& session) {
  BRIG_TRY(Statement s, connection.prepare("SELECT program, project, phase, cleanup_json, deadline_ms"
                                           " FROM hooks WHERE session_id = ?1"));
  s.bind(1, session.str());
  BRIG_TRY(bool found, s.step());
  if (!found) return std::optional<HookRow>();
  return std::optional<HookRow>(
      HookRow{session, s.text(0), s.text(1), s.text(2), s.text(3), static_cast<std::uint64_t>(s.integer(4))});
}

Result<void> remove_hook(Connection& connection, const SessionId& session) {
  BRIG_TRY(Statement s, connection.prepare("DELETE FROM hooks WHERE session_id = ?1"));
  s.bind(1, session.str());
  return s.done();
}

}  // namespace

net::Task<Result<ProviderRow>> ProviderTable::put(ProviderRow row) {
  auto work = [row = std::move(row)](Connection& c) { return store::put(c, row); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<std::vector<ProviderRow>>> ProviderTable::list() {
  auto work = [](Connection& c) { return store::list(c); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<void>> ProviderTable::remove(std::string id) {
  auto work = [id = std::move(id)](Connection& c) { return store::remove(c, id); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<void>> HookTable::put(HookRow row) {
  auto work = [row = std::move(row)](Connection& c) { return put_hook(c, row); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<std::optional<HookRow>>> HookTable::find(SessionId session) {
  auto work = [session = std::move(session)](Connection& c) { return find_hook(c, session); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<void>> HookTable::remove(SessionId session) {
  auto work = [session = std::move(session)](Connection& c) { return remove_hook(c, session); };
  co_return co_await database_.run(std::move(work));
}

}  // namespace brig::store
