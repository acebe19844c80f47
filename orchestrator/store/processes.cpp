#include "store/sessions.hpp"

namespace brig::store {

namespace {

#define BRIG_PROCESS_COLUMNS \
  "session_id, number, argv_json, cwd, tty, stdin_open, started_ms, ended_ms, outcome_json"

ProcessRow row_of(const Statement& s) {
  ProcessRow row;
  row.session = SessionId(s.text(0));
  row.number = static_cast<std::uint32_t>(s.integer(1));
  row.argv_json = s.text(2);
  row.cwd = s.text(3);
  row.tty = s.integer(4) != 0;
  row.stdin_open = s.integer(5) != 0;
  row.started = s.time(6);
  row.ended = s.optional_time(7);
  row.outcome_json = s.optional_text(8);
  return row;
}

Result<void> put(Connection& connection, const ProcessRow& row) {
  BRIG_TRY(Statement s, connection.prepare("INSERT OR REPLACE INTO processes (" BRIG_PROCESS_COLUMNS
                                           ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"));
  s.bind(1, row.session.str()).bind(2, std::int64_t{row.number}).bind(3, row.argv_json).bind(4, row.cwd);
  s.bind(5, row.tty)
      .bind(6, row.stdin_open)
      .bind(7, row.started)
      .bind(8, row.ended)
      .bind(9, row.outcome_json);
  return s.done();
}

Result<void> set_ended(Connection& connection, const SessionId& session, std::uint32_t number, WallTime ended,
                       const std::string& outcome) {
  BRIG_TRY(Statement s, connection.prepare("UPDATE processes SET ended_ms = ?3, outcome_json = ?4"
                                           " WHERE session_id = ?1 AND number = ?2"));
  s.bind(1, session.str()).bind(2, std::int64_t{number}).bind(3, ended).bind(4, outcome);
  BRIG_CHECK(s.done());
  if (connection.changes() == 0) {
    return Error{Code::not_found,
                 "Session " + session.str() + " has no process " + std::to_string(number) + " in the ledger",
                 "store: processes", false};
  }
  return {};
}

Result<std::vector<ProcessRow>> rows_of(Statement s) {
  std::vector<ProcessRow> rows;
  while (true) {
    BRIG_TRY(bool more, s.step());
    if (!more) return rows;
    rows.push_back(row_of(s));
  }
}

Result<std::vector<ProcessRow>> list(Connection& connection, const SessionId& session) {
  BRIG_TRY(Statement s, connection.prepare("SELECT " BRIG_PROCESS_COLUMNS
                                           " FROM processes WHERE session_id = ?1 ORDER BY number"));
  s.bind(1, session.str());
  return rows_of(std::move(s));
}

Result<std::vector<ProcessRow>> list_all(Connection& connection) {
  BRIG_TRY(Statement s,
           connection.prepare("SELECT " BRIG_PROCESS_COLUMNS " FROM processes ORDER BY session_id, number"));
  return rows_of(std::move(s));
}

}  // namespace

net::Task<Result<void>> ProcessTable::put(ProcessRow row) {
  auto work = [row = std::move(row)](Connection& c) { return store::put(c, row); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<void>> ProcessTable::set_ended(SessionId session, std::uint32_t number, WallTime ended,
                                                std::string outcome_json) {
  auto work = [session = std::move(session), number, ended, outcome = std::move(outcome_json)](
                  Connection& c) { return store::set_ended(c, session, number, ended, outcome); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<std::vector<ProcessRow>>> ProcessTable::list(SessionId session) {
  auto work = [session = std::move(session)](Connection& c) { return store::list(c, session); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<std::vector<ProcessRow>>> ProcessTable::list_all() {
  auto work = [](Connection& c) { return store::list_all(c); };
  co_return co_await database_.run(std::move(work));
}

}  // namespace brig::store
