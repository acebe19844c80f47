#include "store/sessions.hpp"

#include "core/text.hpp"
#include "store/layers.hpp"

namespace brig::store {

namespace {

#define BRIG_SESSION_COLUMNS                                                                        \
  "id, name, owner, phase, reason, provider, image_tag, image_id, profile, runtime, policy_json, "  \
  "policy_hash, project, container_name, container_id, link_key, link_registered, generation, "     \
  "labels_json, remove_when_ended, created_ms, started_ms, ended_ms, outcome_json, layer, frozen, " \
  "mesh, identity, identity_id, provider_env, volumes_json, source, base, agent_json, skills_json"

std::span<const unsigned char> bytes_of(const Secret& secret) {
  auto text = secret.reveal();
  return {reinterpret_cast<const unsigned char*>(text.data()), text.size()};
}

SessionRow row_of(const Statement& s) {
  SessionRow row;
  row.id = SessionId(s.text(0));
  row.name = s.text(1);
  row.owner = s.text(2);
  row.phase = s.text(3);
  row.reason = s.text(4);
  row.provider = s.text(5);
  row.image_tag = s.text(6);
  row.image_id = s.text(7);
  row.profile = s.text(8);
  row.runtime = s.text(9);
  row.policy_json = s.text(10);
  row.policy_hash = s.text(11);
  row.project = s.optional_text(12);
  row.container_name = s.text(13);
  row.container_id = s.optional_text(14);
  auto key = s.blob(15);
  row.link_key = Secret({reinterpret_cast<const char*>(key.data()), key.size()});
  row.link_registered = s.integer(16) != 0;
  row.generation = static_cast<std::uint64_t>(s.integer(17));
  row.labels_json = s.text(18);
  row.remove_when_ended = s.integer(19) != 0;
  row.created = s.time(20);
  row.started = s.optional_time(21);
  row.ended = s.optional_time(22);
  row.outcome_json = s.optional_text(23);
  row.layer = LayerId(s.text(24));
  row.frozen = layers_of(s.text(25));
  row.mesh = s.text(26);
  row.identity = s.text(27);
  row.identity_id = s.text(28);
  row.provider_env = s.text(29);
  row.volumes_json = s.text(30);
  row.source = s.text(31);
  row.base = LayerId(s.text(32));
  row.agent_json = s.text(33);
  row.skills_json = s.text(34);
  return row;
}

Error no_session(const std::string& what) {
  return Error{Code::not_found, "There is no session " + brig::quoted(what) + "; `brig ps -a` lists them",
               "store: sessions", false};
}

Result<bool> stands(Connection& connection, const SessionRow& row) {
  BRIG_TRY(Statement s,
           connection.prepare("SELECT 1 FROM sessions WHERE owner = ?1 AND mesh = ?2 AND name = ?3"));
  s.bind(1, row.owner).bind(2, row.mesh).bind(3, row.name);
  return s.step();
}

// Told in the transaction that made it so. What is null is left out of the detail.
Result<void> tell(Connection& connection, const SessionId& id, const std::string& from,
                  const std::string& kind) {
  BRIG_TRY(Statement s,
           connection.prepare("INSERT INTO events (at_ms, kind, session, owner, mesh, detail_json)"
                              " SELECT ?2, ?3, id, owner, mesh, json_patch('{}', json_object('name', name,"
                              " 'provider', provider, 'from', ?4, 'reason', nullif(reason, ''), 'outcome',"
                              " CASE WHEN json_valid(outcome_json) THEN json(outcome_json) END))"
                              " FROM sessions WHERE id = ?1"));
  s.bind(1, id.str()).bind(2, SystemClock().wall()).bind(3, kind);
  if (from.empty()) {
    s.bind_null(4);
  } else {
    s.bind(4, from);
  }
  return s.done();
}

Result<std::optional<std::string>> phase_of(Connection& connection, const SessionId& id) {
  BRIG_TRY(Statement s, connection.prepare("SELECT phase FROM sessions WHERE id = ?1"));
  s.bind(1, id.str());
  BRIG_TRY(bool found, s.step());
  return found ? std::optional(s.text(0)) : std::nullopt;
}

// From here on its layers are held by its row; until now they were by artefacts alone.
Result<void> check_skills(Connection& connection, const SessionRow& row) {
  BRIG_TRY(Statement s, connection.prepare("SELECT key FROM json_each(?1)"
                                           " WHERE value NOT IN (SELECT layer FROM artefacts) LIMIT 1"));
  s.bind(1, row.skills_json);
  BRIG_TRY(bool gone, s.step());
  if (!gone) return {};
  return Error{Code::conflict,
               "Skill " + brig::quoted(s.text(0)) + " was replaced at this moment: start the session again",
               "store: sessions", true};
}

Result<void> insert(Connection& connection, const SessionRow& row) {
  BRIG_TRY(Transaction transaction, Transaction::begin(connection));
  BRIG_CHECK(check_skills(connection, row));
  BRIG_TRY(bool taken, stands(connection, row));
  if (taken) {
    return Error{Code::conflict,
                 "You have a session named " + brig::quoted(row.name) +
                     " already: choose another name, or remove it with `brig rm " + printable(row.name) + "`",
                 "store: sessions", false};
  }
  {
    BRIG_TRY(Statement s,
             connection.prepare("INSERT INTO sessions (" BRIG_SESSION_COLUMNS
                                ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, "
                                "?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, "
                                "?30, ?31, ?32, ?33, ?34, ?35)"));
    s.bind(1, row.id.str()).bind(2, row.name).bind(3, row.owner).bind(4, row.phase).bind(5, row.reason);
    s.bind(6, row.provider)
        .bind(7, row.image_tag)
        .bind(8, row.image_id)
        .bind(9, row.profile)
        .bind(10, row.runtime);
    s.bind(11, row.policy_json).bind(12, row.policy_hash).bind(13, row.project).bind(14, row.container_name);
    s.bind(15, row.container_id).bind_blob(16, bytes_of(row.link_key)).bind(17, row.link_registered);
    s.bind(18, static_cast<std::int64_t>(row.generation))
        .bind(19, row.labels_json)
        .bind(20, row.remove_when_ended);
    s.bind(21, row.created).bind(22, row.started).bind(23, row.ended).bind(24, row.outcome_json);
    s.bind(25, row.layer.str()).bind(26, text_of(row.frozen)).bind(27, row.mesh);
    s.bind(28, row.identity).bind(29, row.identity_id).bind(30, row.provider_env).bind(31, row.volumes_json);
    s.bind(32, row.source).bind(33, row.base.str()).bind(34, row.agent_json).bind(35, row.skills_json);
    BRIG_CHECK(s.done());
  }
  BRIG_CHECK(tell(connection, row.id, "", "session." + row.phase));
  return transaction.commit();
}

// One statement for every change: what is not given (NULL) stays. An empty container id means that there is
// none.
Result<void> apply(Connection& connection, const SessionId& id, const SessionChange& change) {
  BRIG_TRY(Statement s, connection.prepare("UPDATE sessions SET phase = coalesce(?2, phase),"
                                           " reason = coalesce(?3, reason),"
                                           " container_id = nullif(coalesce(?4, container_id), ''),"
                                           " link_registered = coalesce(?5, link_registered),"
                                           " generation = coalesce(?6, generation),"
                                           " started_ms = coalesce(?7, started_ms),"
                                           " ended_ms = coalesce(?8, ended_ms),"
                                           " outcome_json = coalesce(?9, outcome_json) WHERE id = ?1"
                                           " AND phase = coalesce(?10, phase)"));
  s.bind(1, id.str()).bind(2, change.phase).bind(3, change.reason).bind(4, change.container_id);
  s.bind(5, change.link_registered)
      .bind(7, change.started)
      .bind(8, change.ended)
      .bind(9, change.outcome_json);
  s.bind(10, change.only_from);
  if (change.generation) s.bind(6, static_cast<std::int64_t>(*change.generation));
  BRIG_CHECK(s.done());
  if (connection.changes() == 0) return no_session(id.str());
  return {};
}

// The phase before.
Result<std::string> update(Connection& connection, const SessionId& id, const SessionChange& change) {
  BRIG_TRY(Transaction transaction, Transaction::begin(connection));
  BRIG_TRY(auto before, phase_of(connection, id));
  if (before && change.only_from && *before != *change.only_from) {
    return Error{Code::conflict, "the session is not " + *change.only_from + " but " + *before,
                 "store: sessions", false};
  }
  BRIG_CHECK(apply(connection, id, change));
  auto from = before.value_or("");
  if (change.phase && *change.phase != from) {
    BRIG_CHECK(tell(connection, id, from, "session." + *change.phase));
  }
  BRIG_CHECK(transaction.commit());
  return from;
}

Result<SessionRow> get(Connection& connection, const SessionId& id) {
  BRIG_TRY(Statement s, connection.prepare("SELECT " BRIG_SESSION_COLUMNS " FROM sessions WHERE id = ?1"));
  s.bind(1, id.str());
  BRIG_TRY(bool found, s.step());
  if (!found) return no_session(id.str());
  return row_of(s);
}

Result<std::vector<SessionRow>> rows_of(Statement& s) {
  std::vector<SessionRow> rows;
  while (true) {
    BRIG_TRY(bool more, s.step());
    if (!more) return rows;
    rows.push_back(row_of(s));
  }
}

Result<std::vector<SessionRow>> named(Connection& connection, const std::string& owner,
                                      const std::string& name) {
  BRIG_TRY(Statement s,
           connection.prepare("SELECT " BRIG_SESSION_COLUMNS
                              " FROM sessions WHERE owner = ?1 AND name = ?2 ORDER BY created_ms, rowid"));
  s.bind(1, owner).bind(2, name);
  return rows_of(s);
}

Result<std::vector<SessionRow>> list(Connection& connection) {
  BRIG_TRY(Statement s,
           connection.prepare("SELECT " BRIG_SESSION_COLUMNS " FROM sessions ORDER BY created_ms, rowid"));
  return rows_of(s);
}

// The phase before; "" if there was no such row.
Result<std::string> remove(Connection& connection, const SessionId& id) {
  BRIG_TRY(Transaction transaction, Transaction::begin(connection));
  BRIG_TRY(auto before, phase_of(connection, id));
  if (!before) return std::string();
  BRIG_CHECK(tell(connection, id, *before, "session.removed"));
  for (const char* step : {"INSERT OR REPLACE INTO gone_sessions (id, container_name)"
                           " SELECT id, container_name FROM sessions WHERE id = ?1",
                           "DELETE FROM sessions WHERE id = ?1"}) {
    BRIG_TRY(Statement s, connection.prepare(step));
    s.bind(1, id.str());
    BRIG_CHECK(s.done());
  }
  BRIG_CHECK(
      connection.execute("DELETE FROM gone_sessions WHERE place <="
                         " (SELECT max(place) FROM gone_sessions) - 5000"));
  BRIG_CHECK(transaction.commit());
  return *before;
}

Result<std::optional<std::string>> container_of_removed(Connection& connection, const SessionId& id) {
  BRIG_TRY(Statement s, connection.prepare("SELECT container_name FROM gone_sessions WHERE id = ?1"));
  s.bind(1, id.str());
  BRIG_TRY(bool found, s.step());
  return found ? std::optional(s.text(0)) : std::nullopt;
}

Result<void> restart(Connection& connection, const SessionRow& row) {
  BRIG_TRY(Transaction transaction, Transaction::begin(connection));
  BRIG_TRY(auto before, phase_of(connection, row.id));
  {
    BRIG_TRY(Statement s, connection.prepare(
                              "UPDATE sessions SET phase = ?2, reason = ?3, image_tag = ?4, image_id = ?5,"
                              " runtime = ?6, policy_json = ?7, policy_hash = ?8, link_key = ?9,"
                              " link_registered = 0, generation = ?10, layer = ?11, frozen = ?12,"
                              " container_id = NULL, started_ms = NULL, ended_ms = NULL, outcome_json = NULL"
                              " WHERE id = ?1"));
    s.bind(1, row.id.str())
        .bind(2, row.phase)
        .bind(3, row.reason)
        .bind(4, row.image_tag)
        .bind(5, row.image_id);
    s.bind(6, row.runtime).bind(7, row.policy_json).bind(8, row.policy_hash);
    s.bind_blob(9, bytes_of(row.link_key)).bind(10, static_cast<std::int64_t>(row.generation));
    s.bind(11, row.layer.str()).bind(12, text_of(row.frozen));
    BRIG_CHECK(s.done());
    if (connection.changes() == 0) return no_session(row.id.str());
  }
  {
    BRIG_TRY(Statement s, connection.prepare("DELETE FROM processes WHERE session_id = ?1"));
    s.bind(1, row.id.str());
    BRIG_CHECK(s.done());
  }
  BRIG_CHECK(tell(connection, row.id, before.value_or(""), "session." + row.phase));
  return transaction.commit();
}

Result<void> restack(Connection& connection, const SessionId& id, const LayerId& layer,
                     const std::vector<LayerId>& frozen) {
  BRIG_TRY(Statement s, connection.prepare("UPDATE sessions SET layer = ?2, frozen = ?3 WHERE id = ?1"));
  s.bind(1, id.str()).bind(2, layer.str()).bind(3, text_of(frozen));
  BRIG_CHECK(s.done());
  if (connection.changes() == 0) return no_session(id.str());
  return {};
}

Result<std::set<LayerId>> layers(Connection& connection) {
  std::set<LayerId> found;
  BRIG_TRY(Statement s, connection.prepare("SELECT layer || ' ' || frozen FROM sessions"
                                           " UNION ALL SELECT layers FROM checkpoints"
                                           " UNION ALL SELECT layer FROM artefacts"
                                           " UNION ALL SELECT value FROM sessions, json_each(skills_json)"));
  while (true) {
    BRIG_TRY(bool more, s.step());
    if (!more) return found;
    for (auto& layer : layers_of(s.text(0))) found.insert(std::move(layer));
  }
}

}  // namespace

void SessionTable::told(const std::string& from, const std::string& to) const {
  if (on_phase && from != to) on_phase(from, to);
}

net::Task<Result<void>> SessionTable::insert(SessionRow row) {
  auto phase = row.phase;
  auto work = [row = std::move(row)](Connection& c) { return store::insert(c, row); };
  BRIG_CO_CHECK(co_await database_.run(std::move(work)));
  told("", phase);
  co_return Result<void>();
}

net::Task<Result<SessionRow>> SessionTable::get(SessionId id) {
  auto work = [id = std::move(id)](Connection& c) { return store::get(c, id); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<std::vector<SessionRow>>> SessionTable::named(std::string owner, std::string name) {
  auto work = [owner = std::move(owner), name = std::move(name)](Connection& c) {
    return store::named(c, owner, name);
  };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<std::vector<SessionRow>>> SessionTable::list() {
  auto work = [](Connection& c) { return store::list(c); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<void>> SessionTable::update(SessionId id, SessionChange change) {
  auto to = change.phase;
  auto work = [id = std::move(id), change = std::move(change)](Connection& c) {
    return store::update(c, id, change);
  };
  BRIG_CO_TRY(auto from, co_await database_.run(std::move(work)));
  told(from, to.value_or(from));
  co_return Result<void>();
}

net::Task<Result<void>> SessionTable::restart(SessionRow row) {
  auto work = [row = std::move(row)](Connection& c) { return store::restart(c, row); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<void>> SessionTable::restack(SessionId id, LayerId layer, std::vector<LayerId> frozen) {
  auto work = [id = std::move(id), layer = std::move(layer), frozen = std::move(frozen)](Connection& c) {
    return store::restack(c, id, layer, frozen);
  };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<std::set<LayerId>>> SessionTable::layers() {
  auto work = [](Connection& c) { return store::layers(c); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<void>> SessionTable::remove(SessionId id) {
  auto work = [id = std::move(id)](Connection& c) { return store::remove(c, id); };
  BRIG_CO_TRY(auto from, co_await database_.run(std::move(work)));
  told(from, "");
  co_return Result<void>();
}

net::Task<Result<std::optional<std::string>>> SessionTable::container_of_removed(SessionId id) {
  auto work = [id = std::move(id)](Connection& c) { return store::container_of_removed(c, id); };
  co_return co_await database_.run(std::move(work));
}

}  // namespace brig::store
