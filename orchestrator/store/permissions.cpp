#include "store/permissions.hpp"

namespace brig::store {
namespace {

Result<void> put_row(Connection& connection, const PermissionRow& row) {
  BRIG_TRY(Statement s,
           connection.prepare("INSERT INTO permissions (mesh, peer, overrides_json) VALUES (?1, ?2, ?3)"
                              " ON CONFLICT DO UPDATE SET overrides_json = excluded.overrides_json"));
  s.bind(1, row.mesh).bind(2, row.peer).bind(3, row.overrides_json);
  return s.done();
}

Result<void> remove_row(Connection& connection, const std::string& mesh, const std::string& peer) {
  BRIG_TRY(Statement s, connection.prepare("DELETE FROM permissions WHERE mesh = ?1 AND peer = ?2"));
  s.bind(1, mesh).bind(2, peer);
  return s.done();
}

Result<std::vector<PermissionRow>> all_rows(Connection& connection) {
  std::vector<PermissionRow> rows;
  BRIG_TRY(Statement s, connection.prepare("SELECT mesh, peer, overrides_json FROM permissions"));
  while (true) {
    BRIG_TRY(bool more, s.step());
    if (!more) return rows;
    rows.push_back({s.text(0), s.text(1), s.text(2)});
  }
}

}  // namespace

net::Task<Result<void>> PermissionTable::put(PermissionRow row) {
  auto work = [row = std::move(row)](Connection& c) { return put_row(c, row); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<void>> PermissionTable::remove(std::string mesh, std::string peer) {
  auto work = [mesh = std::move(mesh), peer = std::move(peer)](Connection& c) {
    return remove_row(c, mesh, peer);
  };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<std::vector<PermissionRow>>> PermissionTable::list() {
  auto work = [](Connection& c) { return all_rows(c); };
  co_return co_await database_.run(std::move(work));
}

}  // namespace brig::store
