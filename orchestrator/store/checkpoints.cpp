#include "store/checkpoints.hpp"

#include "core/text.hpp"
#include "store/layers.hpp"

namespace brig::store {

namespace {

#define BRIG_CHECKPOINT_COLUMNS "session_id, name, layers, made, created_ms, bytes"

CheckpointRow row_of(const Statement& s) {
  CheckpointRow row;
  row.session = SessionId(s.text(0));
  row.name = s.text(1);
  row.layers = layers_of(s.text(2));
  row.made = s.integer(3) != 0;
  row.created = s.time(4);
  row.bytes = static_cast<std::uint64_t>(s.integer(5));
  return row;
}

Result<std::vector<CheckpointRow>> rows_of(Statement& s) {
  std::vector<CheckpointRow> rows;
  while (true) {
    BRIG_TRY(bool more, s.step());
    if (!more) return rows;
    rows.push_back(row_of(s));
  }
}

Result<void> insert(Connection& connection, const CheckpointRow& row) {
  BRIG_TRY(Statement s, connection.prepare("INSERT INTO checkpoints (" BRIG_CHECKPOINT_COLUMNS
                                           ") VALUES (?1, ?2, ?3, ?4, ?5, ?6)"));
  s.bind(1, row.session.str()).bind(2, row.name).bind(3, text_of(row.layers)).bind(4, row.made);
  s.bind(5, row.created).bind(6, static_cast<std::int64_t>(row.bytes));
  auto done = s.done();
  if (done || done.error().code != Code::conflict) return done;
  return Error{Code::conflict,
               "The session has a checkpoint " + brig::quoted(row.name) +
                   " already: choose another name, or remove it with `brig checkpoint --delete`",
               "store: checkpoints", false};
}

Result<void> freeze(Connection& connection, const CheckpointRow& row, const LayerId& own) {
  BRIG_TRY(Transaction transaction, Transaction::begin(connection));
  BRIG_CHECK(insert(connection, row));
  {
    BRIG_TRY(Statement s, connection.prepare("UPDATE sessions SET layer = ?2, frozen = ?3 WHERE id = ?1"));
    s.bind(1, row.session.str()).bind(2, own.str()).bind(3, text_of(row.layers));
    BRIG_CHECK(s.done());
  }
  return transaction.commit();
}

Error no_checkpoint(const std::string& name) {
  return Error{
      Code::not_found,
      "The session has no checkpoint " + brig::quoted(name) + "; `brig checkpoint SESSION` lists them",
      "store: checkpoints", false};
}

Result<void> set_made(Connection& connection, const SessionId& session, const std::string& name,
                      std::uint64_t bytes) {
  BRIG_TRY(
      Statement s,
      connection.prepare("UPDATE checkpoints SET made = 1, bytes = ?3 WHERE session_id = ?1 AND name = ?2"));
  s.bind(1, session.str()).bind(2, name).bind(3, static_cast<std::int64_t>(bytes));
  BRIG_CHECK(s.done());
  if (connection.changes() == 0) return no_checkpoint(name);
  return {};
}

Result<CheckpointRow> get(Connection& connection, const SessionId& session, const std::string& name) {
  BRIG_TRY(Statement s,
           connection.prepare("SELECT " BRIG_CHECKPOINT_COLUMNS
                              " FROM checkpoints WHERE session_id = ?1 AND name = ?2 AND made = 1"));
  s.bind(1, session.str()).bind(2, name);
  BRIG_TRY(bool found, s.step());
  if (!found) return no_checkpoint(name);
  return row_of(s);
}

Result<void> put_on_top(Connection& connection, const SessionId& session, const std::string& name,
                        const LayerId& layer, std::uint64_t bytes) {
  BRIG_TRY(Transaction transaction, Transaction::begin(connection));
  BRIG_TRY(CheckpointRow row, get(connection, session, name));
  row.layers.insert(row.layers.begin(), layer);
  {
    BRIG_TRY(
        Statement s,
        connection.prepare(
            "UPDATE checkpoints SET layers = ?3, bytes = bytes + ?4 WHERE session_id = ?1 AND name = ?2"));
    s.bind(1, session.str()).bind(2, name).bind(3, text_of(row.layers));
    s.bind(4, static_cast<std::int64_t>(bytes));
    BRIG_CHECK(s.done());
  }
  {
    BRIG_TRY(Statement s, connection.prepare("DELETE FROM checkpoints WHERE session_id = ?1 AND name = ''"));
    s.bind(1, session.str());
    BRIG_CHECK(s.done());
  }
  return transaction.commit();
}

Result<std::vector<CheckpointRow>> list(Connection& connection, const SessionId& session) {
  BRIG_TRY(Statement s,
           connection.prepare("SELECT " BRIG_CHECKPOINT_COLUMNS
                              " FROM checkpoints WHERE session_id = ?1 ORDER BY created_ms, name"));
  s.bind(1, session.str());
  return rows_of(s);
}

Result<std::vector<CheckpointRow>> list_unmade(Connection& connection) {
  BRIG_TRY(Statement s, connection.prepare("SELECT " BRIG_CHECKPOINT_COLUMNS
                                           " FROM checkpoints WHERE made = 0 OR name = ''"));
  return rows_of(s);
}

Result<void> remove(Connection& connection, const SessionId& session, const std::string& name) {
  BRIG_TRY(Statement s, connection.prepare("DELETE FROM checkpoints WHERE session_id = ?1 AND name = ?2"));
  s.bind(1, session.str()).bind(2, name);
  return s.done();
}

}  // namespace

net::Task<Result<void>> CheckpointTable::insert(CheckpointRow row) {
  auto work = [row = std::move(row)](Connection& c) { return store::insert(c, row); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<void>> CheckpointTable::set_made(SessionId session, std::string name, std::uint64_t bytes) {
  auto work = [session = std::move(session), name = std::move(name), bytes](Connection& c) {
    return store::set_made(c, session, name, bytes);
  };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<void>> CheckpointTable::freeze(CheckpointRow row, LayerId own) {
  auto work = [row = std::move(row), own = std::move(own)](Connection& c) {
    return store::freeze(c, row, own);
  };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<void>> CheckpointTable::put_on_top(SessionId session, std::string name, LayerId layer,
                                                    std::uint64_t bytes) {
  auto work = [session = std::move(session), name = std::move(name), layer = std::move(layer),
               bytes](Connection& c) { return store::put_on_top(c, session, name, layer, bytes); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<CheckpointRow>> CheckpointTable::get(SessionId session, std::string name) {
  auto work = [session = std::move(session), name = std::move(name)](Connection& c) {
    return store::get(c, session, name);
  };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<std::vector<CheckpointRow>>> CheckpointTable::list(SessionId session) {
  auto work = [session = std::move(session)](Connection& c) { return store::list(c, session); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<std::vector<CheckpointRow>>> CheckpointTable::list_unmade() {
  auto work = [](Connection& c) { return store::list_unmade(c); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<void>> CheckpointTable::remove(SessionId session, std::string name) {
  auto work = [session = std::move(session), name = std::move(name)](Connection& c) {
    return store::remove(c, session, name);
  };
  co_return co_await database_.run(std::move(work));
}

}  // namespace brig::store
