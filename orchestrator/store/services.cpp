#include "store/services.hpp"

#include "core/text.hpp"

namespace brig::store {
namespace {

#define BRIG_SERVICE_COLUMNS                                                                                 \
  "mesh, name, owner, spec_json, env, wanted, state, reason, artefact, built_json, session_id, server_json," \
  " created_ms, updated_ms, scope, version"

ServiceRow row_of(const Statement& s) {
  ServiceRow row;
  row.mesh = s.text(0);
  row.name = s.text(1);
  row.owner = s.text(2);
  row.spec_json = s.text(3);
  auto env = s.blob(4);
  row.env.assign(env.begin(), env.end());
  row.wanted = s.text(5);
  row.state = s.text(6);
  row.reason = s.text(7);
  row.artefact = s.text(8);
  row.built_json = s.text(9);
  row.session = SessionId(s.text(10));
  row.server_json = s.text(11);
  row.created = s.time(12);
  row.updated = s.time(13);
  row.scope = s.text(14);
  row.version = static_cast<std::uint64_t>(s.integer(15));
  return row;
}

void bind(Statement& s, const ServiceRow& row) {
  s.bind(1, row.mesh).bind(2, row.name).bind(3, row.owner).bind(4, row.spec_json).bind_blob(5, row.env);
  s.bind(6, row.wanted).bind(7, row.state).bind(8, row.reason).bind(9, row.artefact).bind(10, row.built_json);
  s.bind(11, row.session.str()).bind(12, row.server_json).bind(13, row.created).bind(14, row.updated);
  s.bind(15, static_cast<std::int64_t>(row.version));
}

Result<void> insert(Connection& connection, const ServiceRow& row) {
  BRIG_TRY(Statement s, connection.prepare(
                            "INSERT INTO services (" BRIG_SERVICE_COLUMNS
                            ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?16, ?15)"
                            " ON CONFLICT DO NOTHING"));
  bind(s, row);
  s.bind(16, row.scope);
  BRIG_CHECK(s.done());
  if (connection.changes() > 0) return {};
  return Error{Code::conflict, "mesh " + quoted(row.mesh) + " has a service " + quoted(row.name) + " already",
               "store: services", false};
}

Error gone(const std::string& mesh, const std::string& name) {
  return {Code::not_found, "mesh " + quoted(mesh) + " has no service " + quoted(name) + " any more",
          "store: services", false};
}

Result<void> update(Connection& connection, const ServiceRow& row) {
  BRIG_TRY(Statement s, connection.prepare("UPDATE services SET owner = ?3, spec_json = ?4, env = ?5,"
                                           " wanted = ?6, state = ?7, reason = ?8, artefact = ?9,"
                                           " built_json = ?10, session_id = ?11, server_json = ?12,"
                                           " created_ms = ?13, updated_ms = ?14, version = ?15"
                                           " WHERE mesh = ?1 AND name = ?2"));
  bind(s, row);
  BRIG_CHECK(s.done());
  if (connection.changes() > 0) return {};
  return gone(row.mesh, row.name);
}

Result<void> set_scope(Connection& connection, const std::string& mesh, const std::string& name,
                       const std::string& scope) {
  BRIG_TRY(Statement s, connection.prepare("UPDATE services SET scope = ?3 WHERE mesh = ?1 AND name = ?2"));
  s.bind(1, mesh).bind(2, name).bind(3, scope);
  BRIG_CHECK(s.done());
  if (connection.changes() > 0) return {};
  return gone(mesh, name);
}

Result<void> drop_unused(Connection& connection) {
  BRIG_TRY(Statement s, connection.prepare(
                            "DELETE FROM artefacts WHERE hash NOT IN"
                            " (SELECT artefact FROM services UNION SELECT artefact FROM service_versions)"));
  return s.done();
}

Result<void> take_over(Connection& connection, const ServiceRow& row, std::size_t most) {
  BRIG_TRY(Transaction transaction, Transaction::begin(connection));
  BRIG_CHECK(update(connection, row));
  auto number = static_cast<std::int64_t>(row.version);
  {
    BRIG_TRY(Statement s, connection.prepare("UPDATE service_versions SET ran = 1"
                                             " WHERE mesh = ?1 AND name = ?2 AND number = ?3"));
    s.bind(1, row.mesh).bind(2, row.name).bind(3, number);
    BRIG_CHECK(s.done());
  }
  if (connection.changes() != 1)
    return Error{Code::conflict, "version " + std::to_string(row.version) + " of it is gone",
                 "store: services", false};
  {
    BRIG_TRY(Statement s,
             connection.prepare("DELETE FROM service_versions WHERE mesh = ?1 AND name = ?2 AND ran = 1"
                                " AND number != ?3 AND number NOT IN"
                                " (SELECT number FROM service_versions WHERE mesh = ?1 AND name = ?2 AND"
                                " ran = 1 AND number != ?3 ORDER BY number DESC LIMIT ?4)"));
    s.bind(1, row.mesh).bind(2, row.name).bind(3, number).bind(4, static_cast<std::int64_t>(most - 1));
    BRIG_CHECK(s.done());
  }
  BRIG_CHECK(drop_unused(connection));
  return transaction.commit();
}

Result<std::uint64_t> next_number(Connection& connection, const std::string& mesh, const std::string& name) {
  BRIG_TRY(Statement s, connection.prepare("SELECT max(ifnull((SELECT max(number) FROM service_versions"
                                           " WHERE mesh = ?1 AND name = ?2), 0), version) + 1"
                                           " FROM services WHERE mesh = ?1 AND name = ?2"));
  s.bind(1, mesh).bind(2, name);
  BRIG_TRY(bool found, s.step());
  if (!found) return gone(mesh, name);
  return static_cast<std::uint64_t>(s.integer(0));
}

Result<std::uint64_t> keep(Connection& connection, const std::string& mesh, const std::string& name,
                           const VersionRow& version, const ArtefactRow& built, const SessionId& builder,
                           const LayerId& fresh) {
  BRIG_TRY(Transaction transaction, Transaction::begin(connection));
  {
    BRIG_TRY(Statement s, connection.prepare("INSERT INTO artefacts (hash, layer, bytes, created_ms)"
                                             " VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING"));
    s.bind(1, built.hash).bind(2, built.layer.str()).bind(3, static_cast<std::int64_t>(built.bytes));
    s.bind(4, built.created);
    BRIG_CHECK(s.done());
  }
  if (connection.changes() > 0) {
    BRIG_TRY(Statement s, connection.prepare("UPDATE sessions SET layer = ?2 WHERE id = ?1 AND layer = ?3"));
    s.bind(1, builder.str()).bind(2, fresh.str()).bind(3, built.layer.str());
    BRIG_CHECK(s.done());
    if (connection.changes() != 1)
      return Error{Code::conflict, "what was built is gone: its sandbox was removed meanwhile",
                   "store: services", true};
  }
  BRIG_TRY(auto number, next_number(connection, mesh, name));
  {
    BRIG_TRY(Statement s,
             connection.prepare("INSERT INTO service_versions (mesh, name, number, spec_json, env,"
                                " artefact, built_json, made_ms, ran)"
                                " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"));
    s.bind(1, mesh).bind(2, name).bind(3, static_cast<std::int64_t>(number)).bind(4, version.spec_json);
    s.bind_blob(5, version.env).bind(6, version.artefact).bind(7, version.built_json);
    s.bind(8, version.made).bind(9, std::int64_t{version.ran});
    BRIG_CHECK(s.done());
  }
  BRIG_CHECK(transaction.commit());
  return number;
}

// Of one service, or with empty names of all.
Result<void> forget_untried(Connection& connection, const std::string& mesh, const std::string& name) {
  BRIG_TRY(Transaction transaction, Transaction::begin(connection));
  {
    BRIG_TRY(Statement s, connection.prepare("DELETE FROM service_versions WHERE ran = 0"
                                             " AND (?1 = '' OR (mesh = ?1 AND name = ?2))"));
    s.bind(1, mesh).bind(2, name);
    BRIG_CHECK(s.done());
  }
  BRIG_CHECK(drop_unused(connection));
  return transaction.commit();
}

Result<std::vector<VersionRow>> versions(Connection& connection, const std::string& mesh,
                                         const std::string& name) {
  std::vector<VersionRow> rows;
  BRIG_TRY(Statement s,
           connection.prepare("SELECT number, spec_json, env, artefact, built_json, made_ms, ran"
                              " FROM service_versions WHERE mesh = ?1 AND name = ?2 ORDER BY number"));
  s.bind(1, mesh).bind(2, name);
  while (true) {
    BRIG_TRY(bool more, s.step());
    if (!more) return rows;
    VersionRow row;
    row.number = static_cast<std::uint64_t>(s.integer(0));
    row.spec_json = s.text(1);
    auto env = s.blob(2);
    row.env.assign(env.begin(), env.end());
    row.artefact = s.text(3);
    row.built_json = s.text(4);
    row.made = s.time(5);
    row.ran = s.integer(6) != 0;
    rows.push_back(std::move(row));
  }
}

Result<std::optional<ServiceRow>> find(Connection& connection, const std::string& mesh,
                                       const std::string& name) {
  BRIG_TRY(Statement s,
           connection.prepare("SELECT " BRIG_SERVICE_COLUMNS " FROM services WHERE mesh = ?1 AND name = ?2"));
  s.bind(1, mesh).bind(2, name);
  BRIG_TRY(bool found, s.step());
  return found ? std::optional(row_of(s)) : std::nullopt;
}

Result<std::vector<ServiceRow>> list(Connection& connection) {
  std::vector<ServiceRow> rows;
  BRIG_TRY(Statement s,
           connection.prepare("SELECT " BRIG_SERVICE_COLUMNS " FROM services ORDER BY mesh, name"));
  while (true) {
    BRIG_TRY(bool more, s.step());
    if (!more) return rows;
    rows.push_back(row_of(s));
  }
}

Result<void> remove(Connection& connection, const std::string& mesh, const std::string& name) {
  BRIG_TRY(Transaction transaction, Transaction::begin(connection));
  for (auto sql : {"DELETE FROM service_versions WHERE mesh = ?1 AND name = ?2",
                   "DELETE FROM services WHERE mesh = ?1 AND name = ?2"}) {
    BRIG_TRY(Statement s, connection.prepare(sql));
    s.bind(1, mesh).bind(2, name);
    BRIG_CHECK(s.done());
  }
  BRIG_CHECK(drop_unused(connection));
  return transaction.commit();
}

ArtefactRow artefact_of(const Statement& s) {
  return {s.text(0), LayerId(s.text(1)), static_cast<std::uint64_t>(s.integer(2)), s.time(3)};
}

Result<std::vector<ArtefactRow>> artefacts(Connection& connection) {
  std::vector<ArtefactRow> rows;
  BRIG_TRY(Statement s,
           connection.prepare("SELECT hash, layer, bytes, created_ms FROM artefacts ORDER BY created_ms"));
  while (true) {
    BRIG_TRY(bool more, s.step());
    if (!more) return rows;
    rows.push_back(artefact_of(s));
  }
}

Result<std::optional<ArtefactRow>> artefact(Connection& connection, const std::string& hash) {
  BRIG_TRY(Statement s,
           connection.prepare("SELECT hash, layer, bytes, created_ms FROM artefacts WHERE hash = ?1"));
  s.bind(1, hash);
  BRIG_TRY(bool found, s.step());
  return found ? std::optional(artefact_of(s)) : std::nullopt;
}

}  // namespace

net::Task<Result<void>> ServiceTable::insert(ServiceRow row) {
  auto work = [row = std::move(row)](Connection& c) { return store::insert(c, row); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<void>> ServiceTable::update(ServiceRow row) {
  auto work = [row = std::move(row)](Connection& c) { return store::update(c, row); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<void>> ServiceTable::set_scope(std::string mesh, std::string name, std::string scope) {
  auto work = [mesh = std::move(mesh), name = std::move(name), scope = std::move(scope)](Connection& c) {
    return store::set_scope(c, mesh, name, scope);
  };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<void>> ServiceTable::take_over(ServiceRow row, std::size_t most) {
  auto work = [row = std::move(row), most](Connection& c) { return store::take_over(c, row, most); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<std::uint64_t>> ServiceTable::keep(std::string mesh, std::string name, VersionRow version,
                                                    ArtefactRow built, SessionId builder, LayerId fresh) {
  auto work = [mesh = std::move(mesh), name = std::move(name), version = std::move(version),
               built = std::move(built), builder = std::move(builder), fresh = std::move(fresh)](
                  Connection& c) { return store::keep(c, mesh, name, version, built, builder, fresh); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<void>> ServiceTable::forget_untried() {
  auto work = [](Connection& c) { return store::forget_untried(c, "", ""); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<void>> ServiceTable::forget_untried(std::string mesh, std::string name) {
  auto work = [mesh = std::move(mesh), name = std::move(name)](Connection& c) {
    return store::forget_untried(c, mesh, name);
  };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<std::vector<VersionRow>>> ServiceTable::versions(std::string mesh, std::string name) {
  auto work = [mesh = std::move(mesh), name = std::move(name)](Connection& c) {
    return store::versions(c, mesh, name);
  };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<std::optional<ServiceRow>>> ServiceTable::find(std::string mesh, std::string name) {
  auto work = [mesh = std::move(mesh), name = std::move(name)](Connection& c) {
    return store::find(c, mesh, name);
  };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<std::vector<ServiceRow>>> ServiceTable::list() {
  auto work = [](Connection& c) { return store::list(c); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<void>> ServiceTable::remove(std::string mesh, std::string name) {
  auto work = [mesh = std::move(mesh), name = std::move(name)](Connection& c) {
    return store::remove(c, mesh, name);
  };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<std::optional<ArtefactRow>>> ServiceTable::artefact(std::string hash) {
  auto work = [hash = std::move(hash)](Connection& c) { return store::artefact(c, hash); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<std::vector<ArtefactRow>>> ServiceTable::artefacts() {
  auto work = [](Connection& c) { return store::artefacts(c); };
  co_return co_await database_.run(std::move(work));
}

}  // namespace brig::store
