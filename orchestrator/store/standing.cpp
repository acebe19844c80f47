#include "store/standing.hpp"

namespace brig::store {
namespace {

Result<void> put(Connection& connection, const StandingRow& row) {
  BRIG_TRY(Statement s, connection.prepare("INSERT OR REPLACE INTO standing_prunes"
                                           " (rule, planned_ms, agreed_json, pending, done_ms, report_json)"
                                           " VALUES (?1, ?2, ?3, ?4, ?5, ?6)"));
  s.bind(1, row.rule).bind(2, row.planned).bind(3, row.agreed_json).bind(4, row.pending);
  s.bind(5, row.done).bind(6, row.report_json);
  return s.done();
}

Result<std::vector<StandingRow>> list(Connection& connection) {
  BRIG_TRY(Statement s,
           connection.prepare("SELECT rule, planned_ms, agreed_json, pending, done_ms, report_json"
                              " FROM standing_prunes ORDER BY rule"));
  std::vector<StandingRow> rows;
  while (true) {
    BRIG_TRY(bool more, s.step());
    if (!more) return rows;
    rows.push_back({s.text(0), s.time(1), s.text(2), s.integer(3) != 0, s.optional_time(4), s.text(5)});
  }
}

}  // namespace

net::Task<Result<void>> StandingTable::put(StandingRow row) {
  auto work = [row = std::move(row)](Connection& c) { return store::put(c, row); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<std::vector<StandingRow>>> StandingTable::list() {
  auto work = [](Connection& c) { return store::list(c); };
  co_return co_await database_.run(std::move(work));
}

}  // namespace brig::store
