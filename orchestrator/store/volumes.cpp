#include "store/volumes.hpp"

#include "core/text.hpp"

namespace brig::store {
namespace {

#define BRIG_VOLUME_COLUMNS                                                                              \
  "name, owner, mesh, provider, identity, created_ms, attached_ms, attached_by, label, bytes, removing," \
  " pinned, stage, stage_ms, archive_bytes"
#define BRIG_VOLUMES \
  "SELECT " BRIG_VOLUME_COLUMNS ", (SELECT label FROM identities i WHERE i.id = v.identity) FROM volumes v"
#define BRIG_ATTACHMENT_COLUMNS "session_id, place, volume, target, sharing, writable, state_json"

VolumeRow volume_of(const Statement& s) {
  VolumeRow row;
  row.name = s.text(0);
  row.owner = s.text(1);
  row.mesh = s.text(2);
  row.provider = s.text(3);
  row.identity = s.text(4);
  row.created = s.time(5);
  row.attached = s.optional_time(6);
  row.attached_by = s.text(7);
  row.label = s.text(8);
  row.bytes = static_cast<std::uint64_t>(s.integer(9));
  row.removing = s.integer(10) != 0;
  row.pinned = s.integer(11) != 0;
  row.stage = s.text(12);
  row.staged = s.optional_time(13);
  row.archive_bytes = static_cast<std::uint64_t>(s.integer(14));
  row.identity_label = s.text(15);
  return row;
}

Result<std::optional<VolumeRow>> find(Connection& connection, const std::string& name) {
  BRIG_TRY(Statement s, connection.prepare(BRIG_VOLUMES " WHERE name = ?1"));
  s.bind(1, name);
  BRIG_TRY(bool there, s.step());
  return there ? std::optional(volume_of(s)) : std::nullopt;
}

Result<void> insert(Connection& connection, const VolumeRow& row) {
  BRIG_TRY(Statement s,
           connection.prepare("INSERT INTO volumes (" BRIG_VOLUME_COLUMNS
                              ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, NULL, '', ?7, ?8, ?9, 0, ?10, ?11, ?12)"));
  s.bind(1, row.name).bind(2, row.owner).bind(3, row.mesh).bind(4, row.provider).bind(5, row.identity);
  s.bind(6, row.created).bind(7, row.label).bind(8, static_cast<std::int64_t>(row.bytes));
  s.bind(9, row.removing).bind(10, row.stage).bind(11, row.staged);
  s.bind(12, static_cast<std::int64_t>(row.archive_bytes));
  return s.done();
}

Error being_removed(const std::string& name) {
  return {Code::conflict,
          "volume " + brig::quoted(name, 128) + " is being removed; try again when it is gone",
          "store: volumes", true};
}

Result<VolumeRow> claim(Connection& connection, const VolumeRow& row) {
  BRIG_TRY(Transaction transaction, Transaction::begin(connection));
  BRIG_TRY(auto found, find(connection, row.name));
  if (found) {
    if (found->removing) return being_removed(row.name);
    if (found->owner == row.owner && found->mesh == row.mesh) return std::move(*found);
    return Error{Code::denied,
                 "volume " + brig::quoted(row.name, 128) +
                     " belongs to somebody else; name one of your own, or leave the name to Brig",
                 "store: volumes", false};
  }
  BRIG_CHECK(insert(connection, row));
  BRIG_CHECK(transaction.commit());
  return row;
}

Result<bool> has_label(Connection& connection, const VolumeRow& row) {
  if (row.label.empty()) return false;
  BRIG_TRY(Statement s,
           connection.prepare("SELECT 1 FROM volumes WHERE owner = ?1 AND mesh = ?2 AND label = ?3"));
  s.bind(1, row.owner).bind(2, row.mesh).bind(3, row.label);
  return s.step();
}

Result<void> create(Connection& connection, const VolumeRow& row) {
  BRIG_TRY(Transaction transaction, Transaction::begin(connection));
  BRIG_TRY(bool there, has_label(connection, row));
  if (there)
    return Error{Code::conflict,
                 "you have a volume " + brig::quoted(row.label) +
                     " already; use it, or remove it with `brig volume rm " + printable(row.label) + "`",
                 "store: volumes", false};
  BRIG_CHECK(insert(connection, row));
  return transaction.commit();
}

Result<bool> adopt(Connection& connection, const VolumeRow& row) {
  BRIG_TRY(Transaction transaction, Transaction::begin(connection));
  BRIG_TRY(auto found, find(connection, row.name));
  BRIG_TRY(bool taken, has_label(connection, row));
  if (found || taken) return false;
  BRIG_CHECK(insert(connection, row));
  BRIG_CHECK(transaction.commit());
  return true;
}

Result<VolumeRow> get(Connection& connection, const std::string& name) {
  BRIG_TRY(auto found, find(connection, name));
  if (found) return std::move(*found);
  return Error{Code::not_found, "there is no volume " + brig::quoted(name, 128), "store: volumes", false};
}

// Who has it; or will, for its row is there before it is given anything.
Result<std::optional<std::string>> user_of(Connection& connection, const VolumeRow& row) {
  BRIG_TRY(
      Statement s,
      connection.prepare(
          "SELECT name FROM sessions s WHERE"
          " EXISTS (SELECT 1 FROM volume_attachments a WHERE a.session_id = s.id AND a.volume = ?1)"
          " OR (phase NOT IN ('ended', 'ending', 'removing') AND ("
          "  (?2 <> '' AND provider = ?2 AND identity_id = ?3)"
          "  OR (?4 <> '' AND owner = ?5 AND mesh = ?6 AND EXISTS (SELECT 1 FROM json_each(volumes_json) j"
          "      WHERE json_extract(j.value, '$.volume') = ?4)))) LIMIT 1"));
  s.bind(1, row.name).bind(2, row.provider).bind(3, row.identity).bind(4, row.label);
  s.bind(5, row.owner).bind(6, row.mesh);
  BRIG_TRY(bool used, s.step());
  return used ? std::optional(s.text(0)) : std::nullopt;
}

Result<void> begin_removal(Connection& connection, const std::string& name, VolumeTable::Removal how,
                           WallTime now) {
  using Removal = VolumeTable::Removal;
  BRIG_TRY(Transaction transaction, Transaction::begin(connection));
  BRIG_TRY(auto row, get(connection, name));
  bool for_good = how == Removal::asked && row.stage == stage::kQuarantined;
  if (row.removing && !for_good) return being_removed(name);
  auto called = "volume " + brig::quoted(row.label.empty() ? name : row.label, 128);
  BRIG_TRY(auto user, user_of(connection, row));
  if (user)
    return Error{Code::conflict,
                 called + " is in use by session " + brig::quoted(*user) + "; stop that first",
                 "store: volumes", false};
  if (how != Removal::asked && row.pinned)
    return Error{Code::conflict, called + " is pinned; let it go with `brig volume unpin`", "store: volumes",
                 false};
  {
    BRIG_TRY(Statement s, connection.prepare("UPDATE volumes SET removing = 1, stage = ?2, stage_ms = ?3"
                                             " WHERE name = ?1"));
    s.bind(1, name).bind(2, how == Removal::archived ? stage::kArchiving : stage::kPresent).bind(3, now);
    BRIG_CHECK(s.done());
  }
  return transaction.commit();
}

Result<void> move(Connection& connection, const std::string& name, const std::string& from,
                  const std::string& to, WallTime now, std::uint64_t archive_bytes) {
  BRIG_TRY(Transaction transaction, Transaction::begin(connection));
  BRIG_TRY(auto row, get(connection, name));
  if (row.stage != from || (from.empty() && row.removing))
    return Error{Code::conflict,
                 "volume " + brig::quoted(name, 128) + " is " + (row.stage.empty() ? "present" : row.stage) +
                     ", not " + (from.empty() ? "present" : from),
                 "store: volumes", false};
  {
    BRIG_TRY(
        Statement s,
        connection.prepare("UPDATE volumes SET stage = ?2, stage_ms = ?3, removing = ?4,"
                           " archive_bytes = CASE ?5 WHEN 0 THEN archive_bytes ELSE ?5 END WHERE name = ?1"));
    s.bind(1, name).bind(2, to).bind(3, now).bind(4, !to.empty());
    s.bind(5, static_cast<std::int64_t>(archive_bytes));
    BRIG_CHECK(s.done());
  }
  return transaction.commit();
}

Result<void> end_removal(Connection& connection, const std::string& name, bool gone) {
  BRIG_TRY(Statement s, connection.prepare(gone ? "DELETE FROM volumes WHERE name = ?1 AND removing = 1"
                                                : "UPDATE volumes SET removing = 0 WHERE name = ?1"));
  s.bind(1, name);
  return s.done();
}

Result<std::vector<VolumeRow>> list(Connection& connection) {
  std::vector<VolumeRow> rows;
  BRIG_TRY(Statement s, connection.prepare(BRIG_VOLUMES " ORDER BY name"));
  while (true) {
    BRIG_TRY(bool more, s.step());
    if (!more) return rows;
    rows.push_back(volume_of(s));
  }
}

Result<std::vector<AttachmentRow>> rows_of(Statement& s) {
  std::vector<AttachmentRow> rows;
  while (true) {
    BRIG_TRY(bool more, s.step());
    if (!more) return rows;
    AttachmentRow row;
    row.session = SessionId(s.text(0));
    row.place = static_cast<std::uint32_t>(s.integer(1));
    row.volume = s.text(2);
    row.target = s.text(3);
    row.sharing = s.text(4);
    row.writable = s.integer(5) != 0;
    row.state_json = s.text(6);
    rows.push_back(std::move(row));
  }
}

Result<std::vector<AttachmentRow>> attachments(Connection& connection, const SessionId& session) {
  BRIG_TRY(Statement s, connection.prepare("SELECT " BRIG_ATTACHMENT_COLUMNS
                                           " FROM volume_attachments WHERE session_id = ?1 ORDER BY place"));
  s.bind(1, session.str());
  return rows_of(s);
}

Result<std::vector<AttachmentRow>> attachments_of(Connection& connection, const std::string& volume) {
  BRIG_TRY(Statement s,
           connection.prepare("SELECT " BRIG_ATTACHMENT_COLUMNS
                              " FROM volume_attachments WHERE volume = ?1 ORDER BY session_id, place"));
  s.bind(1, volume);
  return rows_of(s);
}

Result<std::vector<AttachmentRow>> all_attachments(Connection& connection) {
  BRIG_TRY(Statement s, connection.prepare("SELECT " BRIG_ATTACHMENT_COLUMNS
                                           " FROM volume_attachments ORDER BY volume, session_id, place"));
  return rows_of(s);
}

Result<bool> is_coming_back(Connection& connection, const std::string& volume, const SessionId& but) {
  BRIG_TRY(Statement s,
           connection.prepare("SELECT 1 FROM volume_attachments a JOIN sessions s ON s.id = a.session_id"
                              " WHERE a.volume = ?1 AND a.session_id <> ?2"
                              " AND s.phase IN ('ending', 'removing') LIMIT 1"));
  s.bind(1, volume).bind(2, but.str());
  return s.step();
}

Result<VolumeRow> pin(Connection& connection, const std::string& name, bool pinned) {
  BRIG_TRY(Statement s, connection.prepare("UPDATE volumes SET pinned = ?2 WHERE name = ?1"));
  s.bind(1, name).bind(2, pinned);
  BRIG_CHECK(s.done());
  return get(connection, name);
}

Result<std::vector<VolumeUse>> uses(Connection& connection, const std::string& name) {
  std::vector<VolumeUse> rows;
  BRIG_TRY(Statement s, connection.prepare("SELECT session_id, session_name, at_ms FROM volume_uses"
                                           " WHERE volume = ?1 ORDER BY at_ms DESC, session_id"));
  s.bind(1, name);
  while (true) {
    BRIG_TRY(bool more, s.step());
    if (!more) return rows;
    rows.push_back({SessionId(s.text(0)), s.text(1), s.time(2)});
  }
}

Result<void> note_use(Connection& connection, const AttachmentRow& row, WallTime now) {
  {
    BRIG_TRY(Statement s, connection.prepare("INSERT OR REPLACE INTO volume_uses"
                                             " (volume, session_id, session_name, at_ms)"
                                             " SELECT ?1, id, name, ?3 FROM sessions WHERE id = ?2"));
    s.bind(1, row.volume).bind(2, row.session.str()).bind(3, now);
    BRIG_CHECK(s.done());
  }
  BRIG_TRY(Statement s, connection.prepare("DELETE FROM volume_uses WHERE volume = ?1 AND session_id NOT IN"
                                           " (SELECT session_id FROM volume_uses WHERE volume = ?1"
                                           "  ORDER BY at_ms DESC, session_id LIMIT 10)"));
  s.bind(1, row.volume);
  return s.done();
}

Result<void> attach(Connection& connection, const std::vector<AttachmentRow>& rows, WallTime now) {
  BRIG_TRY(Transaction transaction, Transaction::begin(connection));
  for (const auto& row : rows) {
    BRIG_TRY(auto volume, get(connection, row.volume));
    if (volume.removing) return being_removed(row.volume);
    BRIG_TRY(Statement s,
             connection.prepare("INSERT OR REPLACE INTO volume_attachments"
                                " (" BRIG_ATTACHMENT_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"));
    s.bind(1, row.session.str()).bind(2, std::int64_t{row.place}).bind(3, row.volume).bind(4, row.target);
    s.bind(5, row.sharing).bind(6, row.writable).bind(7, row.state_json);
    BRIG_CHECK(s.done());
    BRIG_TRY(Statement used, connection.prepare("UPDATE volumes SET attached_ms = ?2, attached_by = ?3"
                                                " WHERE name = ?1"));
    used.bind(1, row.volume).bind(2, now).bind(3, row.session.str());
    BRIG_CHECK(used.done());
    BRIG_CHECK(note_use(connection, row, now));
  }
  return transaction.commit();
}

Result<void> detach(Connection& connection, const SessionId& session, std::uint32_t place) {
  BRIG_TRY(Statement s,
           connection.prepare("DELETE FROM volume_attachments WHERE session_id = ?1 AND place = ?2"));
  s.bind(1, session.str()).bind(2, std::int64_t{place});
  return s.done();
}

}  // namespace

net::Task<Result<VolumeRow>> VolumeTable::claim(VolumeRow row) {
  auto work = [row = std::move(row)](Connection& c) { return store::claim(c, row); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<void>> VolumeTable::create(VolumeRow row) {
  auto work = [row = std::move(row)](Connection& c) { return store::create(c, row); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<VolumeRow>> VolumeTable::get(std::string name) {
  auto work = [name = std::move(name)](Connection& c) { return store::get(c, name); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<VolumeRow>> VolumeTable::pin(std::string name, bool pinned) {
  auto work = [name = std::move(name), pinned](Connection& c) { return store::pin(c, name, pinned); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<std::vector<VolumeUse>>> VolumeTable::uses(std::string name) {
  auto work = [name = std::move(name)](Connection& c) { return store::uses(c, name); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<bool>> VolumeTable::adopt(VolumeRow row) {
  auto work = [row = std::move(row)](Connection& c) { return store::adopt(c, row); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<void>> VolumeTable::begin_removal(std::string name, Removal how, WallTime now) {
  auto work = [name = std::move(name), how, now](Connection& c) {
    return store::begin_removal(c, name, how, now);
  };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<void>> VolumeTable::move(std::string name, std::string from, std::string to, WallTime now,
                                          std::uint64_t archive_bytes) {
  auto work = [name = std::move(name), from = std::move(from), to = std::move(to), now,
               archive_bytes](Connection& c) { return store::move(c, name, from, to, now, archive_bytes); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<void>> VolumeTable::end_removal(std::string name, bool gone) {
  auto work = [name = std::move(name), gone](Connection& c) { return store::end_removal(c, name, gone); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<std::vector<AttachmentRow>>> VolumeTable::all_attachments() {
  auto work = [](Connection& c) { return store::all_attachments(c); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<std::vector<VolumeRow>>> VolumeTable::list() {
  auto work = [](Connection& c) { return store::list(c); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<std::vector<AttachmentRow>>> VolumeTable::attachments(SessionId session) {
  auto work = [session = std::move(session)](Connection& c) { return store::attachments(c, session); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<std::vector<AttachmentRow>>> VolumeTable::attachments_of(std::string volume) {
  auto work = [volume = std::move(volume)](Connection& c) { return store::attachments_of(c, volume); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<bool>> VolumeTable::is_coming_back(std::string volume, SessionId but) {
  auto work = [volume = std::move(volume), but = std::move(but)](Connection& c) {
    return store::is_coming_back(c, volume, but);
  };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<void>> VolumeTable::attach(std::vector<AttachmentRow> rows, WallTime now) {
  auto work = [rows = std::move(rows), now](Connection& c) { return store::attach(c, rows, now); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<void>> VolumeTable::detach(SessionId session, std::uint32_t place) {
  auto work = [session = std::move(session), place](Connection& c) {
    return store::detach(c, session, place);
  };
  co_return co_await database_.run(std::move(work));
}

}  // namespace brig::store
