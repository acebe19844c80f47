#include "store/identities.hpp"

#include <algorithm>

#include "core/text.hpp"

namespace brig::store {
namespace {

#define BRIG_IDENTITY_COLUMNS "id, owner, provider, label, config_dir, is_default, created_ms"

Error conflict(std::string message) {
  return Error{Code::conflict, std::move(message), "store: identities", false};
}

Error no_identity(const std::string& provider, const std::string& id) {
  return Error{Code::not_found,
               "you have no identity " + brig::quoted(id) + " at " + printable(provider) +
                   "; `brig identity ls " + printable(provider) + "` lists them",
               "store: identities", false};
}

Result<std::vector<IdentityRow>> all_of(Connection& connection, const std::string& owner,
                                        const std::string& provider) {
  std::vector<IdentityRow> rows;
  BRIG_TRY(Statement s, connection.prepare("SELECT " BRIG_IDENTITY_COLUMNS
                                           " FROM identities WHERE owner = ?1 AND provider = ?2"
                                           " ORDER BY created_ms, rowid"));
  s.bind(1, owner).bind(2, provider);
  while (true) {
    BRIG_TRY(bool more, s.step());
    if (!more) return rows;
    rows.push_back({s.text(0), s.text(1), s.text(2), s.text(3), s.text(4), s.integer(5) != 0, s.time(6)});
  }
}

Result<void> insert(Connection& connection, const IdentityRow& row) {
  BRIG_TRY(Statement s, connection.prepare("INSERT INTO identities (" BRIG_IDENTITY_COLUMNS
                                           ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"));
  s.bind(1, row.id).bind(2, row.owner).bind(3, row.provider).bind(4, row.label).bind(5, row.config_dir);
  s.bind(6, row.is_default).bind(7, row.created);
  return s.done();
}

Result<void> demote(Connection& connection, const IdentityRow& of) {
  BRIG_TRY(Statement s, connection.prepare("UPDATE identities SET is_default = 0"
                                           " WHERE owner = ?1 AND provider = ?2 AND is_default = 1"));
  s.bind(1, of.owner).bind(2, of.provider);
  return s.done();
}

Result<void> check_label(const std::vector<IdentityRow>& rows, const IdentityRow& wanted) {
  for (const auto& row : rows)
    if (row.label == wanted.label && row.id != wanted.id)
      return conflict("you have an identity " + brig::quoted(row.label) + " at " + printable(row.provider) +
                      " already; choose another label");
  return {};
}

Result<std::vector<IdentityRow>> list(Connection& connection, const IdentityRow& seed) {
  BRIG_TRY(Transaction transaction, Transaction::begin(connection));
  BRIG_TRY(auto rows, all_of(connection, seed.owner, seed.provider));
  if (!rows.empty()) return rows;
  auto first = seed;
  first.is_default = true;
  BRIG_CHECK(insert(connection, first));
  BRIG_CHECK(transaction.commit());
  return std::vector<IdentityRow>{first};
}

Result<IdentityRow> create(Connection& connection, IdentityRow row, const IdentityRow& seed) {
  BRIG_TRY(Transaction transaction, Transaction::begin(connection));
  BRIG_TRY(auto rows, all_of(connection, row.owner, row.provider));
  if (rows.empty()) {
    rows.push_back(seed);
    rows.back().is_default = true;
    BRIG_CHECK(insert(connection, rows.back()));
  }
  BRIG_CHECK(check_label(rows, row));
  if (rows.size() >= 100)
    return Error{Code::exhausted,
                 "you have 100 identities at " + printable(row.provider) + " already; remove some", "store",
                 false};
  if (row.is_default) BRIG_CHECK(demote(connection, row));
  BRIG_CHECK(insert(connection, row));
  BRIG_CHECK(transaction.commit());
  return row;
}

Result<IdentityRow> update(Connection& connection, const std::string& owner, const std::string& provider,
                           const std::string& id, const IdentityChange& change) {
  BRIG_TRY(Transaction transaction, Transaction::begin(connection));
  BRIG_TRY(auto rows, all_of(connection, owner, provider));
  auto it = std::find_if(rows.begin(), rows.end(), [&](const auto& row) { return row.id == id; });
  if (it == rows.end()) return no_identity(provider, id);
  auto row = *it;
  if (change.label) row.label = *change.label;
  if (change.config_dir) row.config_dir = *change.config_dir;
  BRIG_CHECK(check_label(rows, row));
  if (change.is_default && !*change.is_default && row.is_default)
    return conflict("identity " + brig::quoted(row.label) +
                    " is the default, and there must be one; make another the default instead");
  if (change.is_default && *change.is_default && !row.is_default) {
    BRIG_CHECK(demote(connection, row));
    row.is_default = true;
  }
  {
    BRIG_TRY(Statement s, connection.prepare("UPDATE identities SET label = ?2, config_dir = ?3,"
                                             " is_default = ?4 WHERE id = ?1"));
    s.bind(1, row.id).bind(2, row.label).bind(3, row.config_dir).bind(4, row.is_default);
    BRIG_CHECK(s.done());
  }
  BRIG_CHECK(transaction.commit());
  return row;
}

Result<void> remove(Connection& connection, const std::string& owner, const std::string& provider,
                    const std::string& id) {
  BRIG_TRY(Transaction transaction, Transaction::begin(connection));
  BRIG_TRY(auto rows, all_of(connection, owner, provider));
  auto it = std::find_if(rows.begin(), rows.end(), [&](const auto& row) { return row.id == id; });
  if (it == rows.end()) return no_identity(provider, id);
  if (rows.size() == 1)
    return conflict("identity " + brig::quoted(it->label) + " is the last one at " + printable(provider) +
                    ", and there must be one; change it instead");
  if (it->is_default)
    return conflict("identity " + brig::quoted(it->label) +
                    " is the default; make another the default first");
  {
    BRIG_TRY(Statement s, connection.prepare("DELETE FROM identities WHERE id = ?1"));
    s.bind(1, id);
    BRIG_CHECK(s.done());
  }
  return transaction.commit();
}

}  // namespace

net::Task<Result<std::vector<IdentityRow>>> IdentityTable::list(IdentityRow seed) {
  auto work = [seed = std::move(seed)](Connection& c) { return store::list(c, seed); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<IdentityRow>> IdentityTable::create(IdentityRow row, IdentityRow seed) {
  auto work = [row = std::move(row), seed = std::move(seed)](Connection& c) {
    return store::create(c, row, seed);
  };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<IdentityRow>> IdentityTable::update(std::string owner, std::string provider, std::string id,
                                                     IdentityChange change) {
  auto work = [owner = std::move(owner), provider = std::move(provider), id = std::move(id),
               change = std::move(change)](Connection& c) {
    return store::update(c, owner, provider, id, change);
  };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<void>> IdentityTable::remove(std::string owner, std::string provider, std::string id) {
  auto work = [owner = std::move(owner), provider = std::move(provider), id = std::move(id)](Connection& c) {
    return store::remove(c, owner, provider, id);
  };
  co_return co_await database_.run(std::move(work));
}

}  // namespace brig::store
