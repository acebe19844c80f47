#include "store/events.hpp"

#include <algorithm>

namespace brig::store {

namespace {

Result<void> add(Connection& connection, const std::vector<EventRow>& rows) {
  BRIG_TRY(Transaction transaction, Transaction::begin(connection));
  for (const auto& row : rows) {
    BRIG_TRY(Statement s,
             connection.prepare("INSERT INTO events (at_ms, kind, session, owner, mesh, detail_json)"
                                " VALUES (?1, ?2, ?3, ?4, ?5, ?6)"));
    s.bind(1, row.at).bind(2, row.kind).bind(3, row.session).bind(4, row.owner);
    s.bind(5, row.mesh).bind(6, row.detail_json);
    BRIG_CHECK(s.done());
  }
  return transaction.commit();
}

Result<std::uint64_t> number(Connection& connection, const char* sql) {
  BRIG_TRY(Statement s, connection.prepare(sql));
  BRIG_TRY(bool found, s.step());
  return found && !s.is_null(0) ? static_cast<std::uint64_t>(s.integer(0)) : 0;
}

// Numbers beyond SQLite's own would wrap; no event has one.
std::int64_t bounded(std::uint64_t number) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 62;
  return static_cast<std::int64_t>(std::min(number, kMost));
}

Result<EventPage> read(Connection& connection, const EventQuery& query) {
  EventPage page;
  BRIG_TRY(page.last, number(connection, "SELECT seq FROM sqlite_sequence WHERE name = 'events'"));
  BRIG_TRY(page.first, number(connection, "SELECT min(number) FROM events"));
  if (page.first == 0) page.first = page.last + 1;
  auto from = std::max(query.after, page.first - 1);
  auto to = std::min(page.last, from + EventTable::kSearch);
  page.searched_to = std::max(from, to);
  if (from >= to) return page;

  BRIG_TRY(Statement s,
           connection.prepare("SELECT number, at_ms, kind, session, owner, mesh, detail_json FROM events"
                              " WHERE number > ?1 AND number <= ?2 AND owner = coalesce(?3, owner)"
                              " AND mesh = coalesce(?4, mesh) AND session = coalesce(?5, session)"
                              " AND (?6 IS NULL OR kind = ?6 OR substr(kind, 1, length(?6) + 1) = ?6 || '.')"
                              " ORDER BY number LIMIT ?7"));
  s.bind(1, bounded(from)).bind(2, bounded(to)).bind(3, query.owner).bind(4, query.mesh);
  s.bind(5, query.session).bind(6, query.kind).bind(7, static_cast<std::int64_t>(query.limit));
  while (true) {
    BRIG_TRY(bool more, s.step());
    if (!more) break;
    EventRow row;
    row.number = static_cast<std::uint64_t>(s.integer(0));
    row.at = s.time(1);
    row.kind = s.text(2);
    row.session = s.text(3);
    row.owner = s.text(4);
    row.mesh = s.text(5);
    row.detail_json = s.text(6);
    page.rows.push_back(std::move(row));
  }
  if (page.rows.size() >= query.limit && !page.rows.empty()) page.searched_to = page.rows.back().number;
  return page;
}

Result<std::uint64_t> trim(Connection& connection, std::uint64_t keep, WallTime oldest) {
  BRIG_TRY(auto last, number(connection, "SELECT seq FROM sqlite_sequence WHERE name = 'events'"));
  BRIG_TRY(Statement s, connection.prepare("DELETE FROM events WHERE number <= ?1 OR at_ms < ?2"));
  s.bind(1, bounded(last > keep ? last - keep : 0)).bind(2, oldest);
  BRIG_CHECK(s.done());
  return static_cast<std::uint64_t>(connection.changes());
}

}  // namespace

net::Task<Result<void>> EventTable::add(std::vector<EventRow> rows) {
  auto work = [rows = std::move(rows)](Connection& c) { return store::add(c, rows); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<EventPage>> EventTable::read(EventQuery query) {
  auto work = [query = std::move(query)](Connection& c) { return store::read(c, query); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<std::uint64_t>> EventTable::trim(std::uint64_t keep, WallTime oldest) {
  auto work = [keep, oldest](Connection& c) { return store::trim(c, keep, oldest); };
  co_return co_await database_.run(std::move(work));
}

}  // namespace brig::store
