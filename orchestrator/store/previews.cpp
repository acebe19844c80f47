#include "store/previews.hpp"

#include <algorithm>

namespace brig::store {

namespace {

#define BRIG_PREVIEW_COLUMNS "id, hash, session_id, port, owner, mesh, created_ms, expires_ms"

PreviewRow row_of(const Statement& s) {
  PreviewRow row;
  row.id = s.text(0);
  auto hash = s.blob(1);
  std::copy_n(hash.begin(), std::min(hash.size(), row.hash.size()), row.hash.begin());
  row.session = SessionId(s.text(2));
  row.port = static_cast<std::uint16_t>(s.integer(3));
  row.owner = s.text(4);
  row.mesh = s.text(5);
  row.created = s.time(6);
  row.expires = s.time(7);
  return row;
}

Result<void> create(Connection& connection, const PreviewRow& row) {
  BRIG_TRY(Statement s, connection.prepare("INSERT INTO previews (" BRIG_PREVIEW_COLUMNS
                                           ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"));
  s.bind(1, row.id).bind_blob(2, row.hash).bind(3, row.session.str()).bind(4, std::int64_t{row.port});
  s.bind(5, row.owner).bind(6, row.mesh).bind(7, row.created).bind(8, row.expires);
  return s.done();
}

Result<std::vector<PreviewRow>> list(Connection& connection) {
  std::vector<PreviewRow> rows;
  BRIG_TRY(Statement s,
           connection.prepare("SELECT " BRIG_PREVIEW_COLUMNS " FROM previews ORDER BY created_ms, id"));
  while (true) {
    BRIG_TRY(bool more, s.step());
    if (!more) return rows;
    rows.push_back(row_of(s));
  }
}

Result<std::optional<PreviewRow>> find(Connection& connection, const std::string& id) {
  BRIG_TRY(Statement s, connection.prepare("SELECT " BRIG_PREVIEW_COLUMNS " FROM previews WHERE id = ?1"));
  s.bind(1, id);
  BRIG_TRY(bool found, s.step());
  return found ? std::optional(row_of(s)) : std::nullopt;
}

Result<void> remove(Connection& connection, const std::string& id) {
  BRIG_TRY(Statement s, connection.prepare("DELETE FROM previews WHERE id = ?1"));
  s.bind(1, id);
  return s.done();
}

Result<void> remove_expired(Connection& connection, WallTime now) {
  BRIG_TRY(Statement s, connection.prepare("DELETE FROM previews WHERE expires_ms <= ?1"));
  s.bind(1, now);
  return s.done();
}

}  // namespace

net::Task<Result<void>> PreviewTable::create(PreviewRow row) {
  auto work = [row = std::move(row)](Connection& c) { return store::create(c, row); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<std::vector<PreviewRow>>> PreviewTable::list() {
  auto work = [](Connection& c) { return store::list(c); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<std::optional<PreviewRow>>> PreviewTable::find(std::string id) {
  auto work = [id = std::move(id)](Connection& c) { return store::find(c, id); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<void>> PreviewTable::remove(std::string id) {
  auto work = [id = std::move(id)](Connection& c) { return store::remove(c, id); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<void>> PreviewTable::remove_expired(WallTime now) {
  auto work = [now](Connection& c) { return store::remove_expired(c, now); };
  co_return co_await database_.run(std::move(work));
}

}  // namespace brig::store
