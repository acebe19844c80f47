#include "store/fit.hpp"

#include <algorithm>

#include "store/layers.hpp"

namespace brig::store {
namespace {

using Rows = std::vector<std::vector<std::string>>;

Result<Rows> rows_of(Connection& connection, const char* sql, int columns) {
  BRIG_TRY(Statement statement, connection.prepare(sql));
  Rows out;
  while (true) {
    BRIG_TRY(bool row, statement.step());
    if (!row) return out;
    auto& values = out.emplace_back();
    for (int column = 0; column < columns; ++column) values.push_back(statement.text(column));
  }
}

Result<void> change(Connection& connection, const char* sql, const std::vector<std::string>& values) {
  BRIG_TRY(Statement statement, connection.prepare(sql));
  for (std::size_t i = 0; i < values.size(); ++i) statement.bind(static_cast<int>(i) + 1, values[i]);
  return statement.done();
}

bool all_there(const std::string& layers, const OnDisk& disk) {
  auto list = layers_of(layers);
  return std::all_of(list.begin(), list.end(), disk.layer);
}

Result<void> drop_session(Connection& connection, const std::string& id) {
  for (const char* step : {"INSERT OR REPLACE INTO gone_sessions (id, container_name)"
                           " SELECT id, container_name FROM sessions WHERE id = ?1",
                           "DELETE FROM volume_attachments WHERE session_id = ?1",
                           "DELETE FROM hooks WHERE session_id = ?1", "DELETE FROM sessions WHERE id = ?1"})
    BRIG_CHECK(change(connection, step, {id}));
  return {};
}

Result<void> drop_volume(Connection& connection, const std::string& name) {
  BRIG_CHECK(change(connection, "DELETE FROM volume_attachments WHERE volume = ?1", {name}));
  return change(connection, "DELETE FROM volumes WHERE name = ?1", {name});
}

// Where its image is, it is as new as the archive, or newer; see volume/quarantine.cpp.
Result<bool> place_volume(Connection& connection, const std::string& name, bool bounded,
                          const VolumeOnDisk& found, WallTime now) {
  if (bounded ? found.image : found.directory) {
    BRIG_CHECK(change(
        connection, "UPDATE volumes SET stage = '', stage_ms = NULL, removing = 0 WHERE name = ?1", {name}));
    return true;
  }
  if (!bounded || !found.archive) return false;
  // From now on, so that nobody's time is over before he has seen it.
  BRIG_TRY(Statement statement,
           connection.prepare("UPDATE volumes SET removing = 1, archive_bytes = ?2, stage_ms = ?3,"
                              " stage = 'quarantined' WHERE name = ?1"));
  statement.bind(1, name).bind(2, static_cast<std::int64_t>(*found.archive)).bind(3, now);
  BRIG_CHECK(statement.done());
  return true;
}

}  // namespace

Result<Unfit> fit_to(Connection& connection, const OnDisk& disk, WallTime now) {
  Unfit out;
  BRIG_TRY(Transaction transaction, Transaction::begin(connection));
  BRIG_TRY(Rows sessions,
           rows_of(connection,
                   "SELECT id, name, layer || ' ' || frozen || ' ' || ifnull((SELECT group_concat(value, ' ')"
                   " FROM json_each(skills_json)), '') FROM sessions ORDER BY name",
                   3));
  for (const auto& session : sessions) {
    if (all_there(session[2], disk)) continue;
    BRIG_CHECK(drop_session(connection, session[0]));
    out.sessions.push_back(session[1]);
  }
  BRIG_TRY(Rows checkpoints, rows_of(connection,
                                     "SELECT c.session_id, c.name, c.layers, s.name FROM checkpoints c"
                                     " JOIN sessions s ON s.id = c.session_id ORDER BY s.name, c.name",
                                     4));
  for (const auto& checkpoint : checkpoints) {
    if (all_there(checkpoint[2], disk)) continue;
    BRIG_CHECK(change(connection, "DELETE FROM checkpoints WHERE session_id = ?1 AND name = ?2",
                      {checkpoint[0], checkpoint[1]}));
    out.checkpoints.push_back(checkpoint[3] + "/" + checkpoint[1]);
  }
  BRIG_TRY(Rows volumes, rows_of(connection, "SELECT name, bytes > 0 FROM volumes ORDER BY name", 2));
  for (const auto& volume : volumes) {
    BRIG_TRY(bool placed, place_volume(connection, volume[0], volume[1] == "1", disk.volume(volume[0]), now));
    if (placed) continue;
    BRIG_CHECK(drop_volume(connection, volume[0]));
    out.volumes.push_back(volume[0]);
  }
  BRIG_TRY(Rows artefacts, rows_of(connection, "SELECT hash, layer FROM artefacts", 2));
  for (const auto& artefact : artefacts) {
    if (all_there(artefact[1], disk)) continue;
    BRIG_CHECK(change(connection, "DELETE FROM artefacts WHERE hash = ?1", {artefact[0]}));
  }
  BRIG_TRY(
      Rows services,
      rows_of(
          connection,
          "SELECT mesh, name, CASE WHEN json_valid(spec_json) THEN json_extract(spec_json, '$.zip') IS NOT"
          " NULL ELSE 0 END FROM services WHERE artefact <> '' AND artefact NOT IN (SELECT hash FROM "
          "artefacts) ORDER BY mesh, name",
          3));
  for (const auto& service : services) {
    BRIG_CHECK(change(connection, "UPDATE services SET artefact = '' WHERE mesh = ?1 AND name = ?2",
                      {service[0], service[1]}));
    auto& list = service[2] == "1" ? out.uploads : out.services;
    list.push_back(service[0] + "/" + service[1]);
  }
  BRIG_CHECK(change(connection,
                    "DELETE FROM service_versions WHERE artefact NOT IN (SELECT hash FROM artefacts)", {}));
  BRIG_CHECK(transaction.commit());
  return out;
}

Result<bool> is_in_use(Connection& connection) {
  BRIG_TRY(Rows rows,
           rows_of(connection,
                   "SELECT 1 FROM sessions UNION ALL SELECT 1 FROM tokens UNION ALL SELECT 1 FROM volumes"
                   " UNION ALL SELECT 1 FROM vault UNION ALL SELECT 1 FROM services UNION ALL SELECT 1 FROM"
                   " identities UNION ALL SELECT 1 FROM providers LIMIT 1",
                   1));
  return !rows.empty();
}

Result<std::vector<LayerId>> layers_in(Connection& connection) {
  BRIG_TRY(Rows rows, rows_of(connection,
                              "SELECT layer || ' ' || frozen FROM sessions UNION ALL SELECT layers FROM"
                              " checkpoints UNION ALL SELECT layer FROM artefacts UNION ALL SELECT value"
                              " FROM sessions, json_each(skills_json)",
                              1));
  std::vector<LayerId> out;
  for (const auto& row : rows)
    for (auto& layer : layers_of(row[0])) out.push_back(std::move(layer));
  return out;
}

Result<std::vector<SessionId>> sessions_in(Connection& connection) {
  BRIG_TRY(Rows rows, rows_of(connection, "SELECT id FROM sessions", 1));
  std::vector<SessionId> out;
  for (const auto& row : rows) out.emplace_back(row[0]);
  return out;
}

}  // namespace brig::store
