#include "store/sessions.hpp"

namespace brig::store {

namespace {

#define BRIG_LIFE_COLUMNS "session_id, expires_ms, idle_ms, active_ms, cpu_ms"

LifeRow row_of(const Statement& s) {
  LifeRow row;
  row.session = SessionId(s.text(0));
  row.expires = s.optional_time(1);
  row.idle = Millis{s.integer(2)};
  row.active = s.time(3);
  row.cpu_ms = static_cast<std::uint64_t>(s.integer(4));
  return row;
}

Result<void> put(Connection& connection, const LifeRow& row) {
  BRIG_TRY(Statement s,
           connection.prepare("INSERT INTO lives (" BRIG_LIFE_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5)"
                              " ON CONFLICT (session_id) DO UPDATE SET expires_ms = ?2, idle_ms = ?3,"
                              " active_ms = ?4, cpu_ms = ?5"));
  s.bind(1, row.session.str()).bind(2, row.expires).bind(3, std::int64_t{row.idle.count()});
  s.bind(4, row.active).bind(5, static_cast<std::int64_t>(row.cpu_ms));
  return s.done();
}

Result<std::optional<LifeRow>> get(Connection& connection, const SessionId& session) {
  BRIG_TRY(Statement s, connection.prepare("SELECT " BRIG_LIFE_COLUMNS " FROM lives WHERE session_id = ?1"));
  s.bind(1, session.str());
  BRIG_TRY(bool found, s.step());
  return found ? std::optional(row_of(s)) : std::nullopt;
}

Result<std::vector<LifeRow>> list(Connection& connection) {
  std::vector<LifeRow> rows;
  BRIG_TRY(Statement s, connection.prepare("SELECT " BRIG_LIFE_COLUMNS " FROM lives"));
  while (true) {
    BRIG_TRY(bool more, s.step());
    if (!more) return rows;
    rows.push_back(row_of(s));
  }
}

}  // namespace

net::Task<Result<void>> LifeTable::put(LifeRow row) {
  auto work = [row = std::move(row)](Connection& c) { return store::put(c, row); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<std::optional<LifeRow>>> LifeTable::get(SessionId session) {
  auto work = [session = std::move(session)](Connection& c) { return store::get(c, session); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<std::vector<LifeRow>>> LifeTable::list() {
  auto work = [](Connection& c) { return store::list(c); };
  co_return co_await database_.run(std::move(work));
}

}  // namespace brig::store
