#include "store/audit.hpp"

#include <algorithm>
#include <functional>

namespace brig::store {
namespace {

#define BRIG_AUDIT_COLUMNS "id, mesh, event, actor, payload, prev_hash, hash, created_ms"

AuditRow row_of(const Statement& s) {
  AuditRow row;
  row.id = static_cast<std::uint64_t>(s.integer(0));
  row.mesh = s.text(1);
  row.event = s.text(2);
  row.actor = s.text(3);
  row.payload = s.text(4);
  row.prev_hash = s.text(5);
  row.hash = s.text(6);
  row.created = s.time(7);
  return row;
}

Result<std::vector<AuditRow>> rows_of(Statement& s) {
  std::vector<AuditRow> rows;
  while (true) {
    BRIG_TRY(bool more, s.step());
    if (!more) return rows;
    rows.push_back(row_of(s));
  }
}

AuditSeal seal_of(const Statement& s, int column) {
  auto bytes = s.blob(column);
  return {bytes.begin(), bytes.end()};
}

Result<void> insert(Connection& connection, const AuditRow& row) {
  BRIG_TRY(Statement s, connection.prepare("INSERT INTO audit (" BRIG_AUDIT_COLUMNS
                                           ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"));
  s.bind(1, static_cast<std::int64_t>(row.id)).bind(2, row.mesh).bind(3, row.event).bind(4, row.actor);
  s.bind(5, row.payload).bind(6, row.prev_hash).bind(7, row.hash).bind(8, row.created);
  return s.done();
}

Result<void> set_anchor(Connection& connection, const std::string& mesh, const AuditSeal& seal) {
  BRIG_TRY(Statement s, connection.prepare("INSERT INTO audit_anchors (mesh, seal) VALUES (?1, ?2)"
                                           " ON CONFLICT (mesh) DO UPDATE SET seal = excluded.seal"));
  s.bind(1, mesh).bind_blob(2, seal);
  return s.done();
}

Result<void> remove_until(Connection& connection, const std::string& mesh, std::uint64_t id) {
  BRIG_TRY(Statement s, connection.prepare("DELETE FROM audit WHERE mesh = ?1 AND id <= ?2"));
  s.bind(1, mesh).bind(2, static_cast<std::int64_t>(id));
  return s.done();
}

Result<void> append_all(Connection& connection, const std::vector<AuditRow>& rows, const AuditSeals& anchors,
                        const AuditCuts& cuts) {
  BRIG_TRY(Transaction transaction, Transaction::begin(connection));
  for (const auto& row : rows) BRIG_CHECK(insert(connection, row));
  for (const auto& [mesh, id] : cuts) BRIG_CHECK(remove_until(connection, mesh, id));
  for (const auto& [mesh, seal] : anchors) BRIG_CHECK(set_anchor(connection, mesh, seal));
  return transaction.commit();
}

Result<AuditSeals> all_anchors(Connection& connection) {
  AuditSeals out;
  BRIG_TRY(Statement s, connection.prepare("SELECT mesh, seal FROM audit_anchors"));
  while (true) {
    BRIG_TRY(bool more, s.step());
    if (!more) return out;
    out[s.text(0)] = seal_of(s, 1);
  }
}

Result<std::optional<AuditRow>> last_of(Connection& connection, const std::string& mesh) {
  BRIG_TRY(Statement s,
           connection.prepare("SELECT " BRIG_AUDIT_COLUMNS
                              " FROM audit WHERE mesh = ?1 AND id > 0 ORDER BY id DESC LIMIT 1"));
  s.bind(1, mesh);
  BRIG_TRY(bool found, s.step());
  return found ? std::optional(row_of(s)) : std::nullopt;
}

Result<AuditTable::Page> page_after(Connection& connection, const std::string& mesh, std::uint64_t id,
                                    std::size_t most) {
  BRIG_TRY(Transaction transaction, Transaction::begin(connection));
  AuditTable::Page page;
  {
    BRIG_TRY(Statement s, connection.prepare("SELECT " BRIG_AUDIT_COLUMNS
                                             " FROM audit WHERE mesh = ?1 AND id > ?2 ORDER BY id LIMIT ?3"));
    s.bind(1, mesh).bind(2, static_cast<std::int64_t>(id)).bind(3, static_cast<std::int64_t>(most));
    BRIG_TRY(page.rows, rows_of(s));
  }
  {
    BRIG_TRY(Statement s, connection.prepare("SELECT seal FROM audit_anchors WHERE mesh = ?1"));
    s.bind(1, mesh);
    BRIG_TRY(bool found, s.step());
    if (found) page.anchor = seal_of(s, 0);
  }
  BRIG_CHECK(transaction.commit());
  return page;
}

// `event` and what there is below it: few words, each found by one step in the index.
Result<std::vector<std::string>> kinds_of(Connection& connection, const std::string& mesh,
                                          const std::string& event) {
  std::vector<std::string> kinds{event};
  std::string last = event + ".";
  while (true) {
    BRIG_TRY(Statement s, connection.prepare("SELECT min(event) FROM audit INDEXED BY audit_events"
                                             " WHERE mesh = ?1 AND event > ?2 AND event < ?3"));
    s.bind(1, mesh).bind(2, last).bind(3, event + "/");  // which comes after '.'
    BRIG_TRY(bool found, s.step());
    last = found ? s.text(0) : std::string();
    if (last.empty()) return kinds;
    kinds.push_back(last);
  }
}

// The newest ids of such events, each kind's from where they stand together: a rare one is not looked for in
// all that was done.
Result<std::vector<std::int64_t>> newest_ids(Connection& connection, const std::string& mesh,
                                             const std::string& event, std::uint64_t most) {
  std::vector<std::int64_t> ids;
  BRIG_TRY(auto kinds, kinds_of(connection, mesh, event));
  for (const auto& kind : kinds) {
    BRIG_TRY(Statement s, connection.prepare("SELECT id FROM audit INDEXED BY audit_events"
                                             " WHERE mesh = ?1 AND event = ?2 ORDER BY id DESC LIMIT ?3"));
    s.bind(1, mesh).bind(2, kind).bind(3, static_cast<std::int64_t>(most));
    while (true) {
      BRIG_TRY(bool more, s.step());
      if (!more) break;
      ids.push_back(s.integer(0));
    }
  }
  std::sort(ids.begin(), ids.end(), std::greater<>());
  return ids;
}

Result<std::vector<AuditRow>> newest_of(Connection& connection, const std::string& mesh, std::uint64_t limit,
                                        std::uint64_t offset) {
  BRIG_TRY(Statement s,
           connection.prepare("SELECT " BRIG_AUDIT_COLUMNS " FROM audit WHERE mesh = ?1 AND id > 0"
                              " ORDER BY id DESC LIMIT ?2 OFFSET ?3"));
  s.bind(1, mesh).bind(2, static_cast<std::int64_t>(limit)).bind(3, static_cast<std::int64_t>(offset));
  return rows_of(s);
}

Result<std::vector<AuditRow>> newest_of(Connection& connection, const std::string& mesh,
                                        const std::string& event, std::uint64_t limit, std::uint64_t offset) {
  if (event.empty()) return newest_of(connection, mesh, limit, offset);
  BRIG_TRY(Transaction transaction, Transaction::begin(connection));
  BRIG_TRY(auto ids, newest_ids(connection, mesh, event, limit + offset));
  std::vector<AuditRow> rows;
  for (auto i = offset; i < ids.size() && rows.size() < limit; ++i) {
    BRIG_TRY(Statement s,
             connection.prepare("SELECT " BRIG_AUDIT_COLUMNS " FROM audit WHERE mesh = ?1 AND id = ?2"));
    s.bind(1, mesh).bind(2, ids[i]);
    BRIG_TRY(bool found, s.step());
    if (found) rows.push_back(row_of(s));
  }
  BRIG_CHECK(transaction.commit());
  return rows;
}

}  // namespace

net::Task<Result<void>> AuditTable::append(std::vector<AuditRow> rows, AuditSeals anchors, AuditCuts cuts) {
  auto work = [rows = std::move(rows), anchors = std::move(anchors), cuts = std::move(cuts)](Connection& c) {
    return append_all(c, rows, anchors, cuts);
  };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<AuditSeals>> AuditTable::anchors() {
  auto work = [](Connection& c) { return all_anchors(c); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<std::optional<AuditRow>>> AuditTable::last(std::string mesh) {
  auto work = [mesh = std::move(mesh)](Connection& c) { return last_of(c, mesh); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<AuditTable::Page>> AuditTable::after(std::string mesh, std::uint64_t id, std::size_t most) {
  auto work = [mesh = std::move(mesh), id, most](Connection& c) { return page_after(c, mesh, id, most); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<std::vector<AuditRow>>> AuditTable::newest(std::string mesh, std::string event,
                                                            std::uint64_t limit, std::uint64_t offset) {
  auto work = [mesh = std::move(mesh), event = std::move(event), limit, offset](Connection& c) {
    return newest_of(c, mesh, event, limit, offset);
  };
  co_return co_await database_.run(std::move(work));
}

}  // namespace brig::store
