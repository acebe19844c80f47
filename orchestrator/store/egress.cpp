#include "store/egress.hpp"

namespace brig::store {
namespace {

Result<void> replace(Connection& connection, const SessionId& session, const std::vector<EgressRow>& rows) {
  BRIG_TRY(Transaction transaction, Transaction::begin(connection));
  {
    BRIG_TRY(Statement s, connection.prepare("DELETE FROM egress_rules WHERE session_id = ?1"));
    s.bind(1, session.str());
    BRIG_CHECK(s.done());
  }
  std::int64_t place = 0;
  for (const auto& row : rows) {
    BRIG_TRY(Statement s,
             connection.prepare("INSERT INTO egress_rules (session_id, place, verb, rule, origin)"
                                " VALUES (?1, ?2, ?3, ?4, ?5)"));
    s.bind(1, session.str()).bind(2, place++).bind(3, row.verb).bind(4, row.rule).bind(5, row.from);
    BRIG_CHECK(s.done());
  }
  return transaction.commit();
}

Result<std::vector<EgressRow>> rows_of(Statement& s) {
  std::vector<EgressRow> rows;
  while (true) {
    BRIG_TRY(bool more, s.step());
    if (!more) return rows;
    rows.push_back({s.text(0), s.text(1), s.text(2)});
  }
}

Result<std::vector<EgressRow>> list(Connection& connection, const SessionId& session) {
  BRIG_TRY(Statement s, connection.prepare("SELECT verb, rule, origin FROM egress_rules WHERE session_id = ?1"
                                           " ORDER BY place"));
  s.bind(1, session.str());
  return rows_of(s);
}

Result<void> stand(Connection& connection, const std::string& owner, const std::string& project,
                   const EgressRow& row) {
  // One word on each rule: who denies what stood as allowed, changes it.
  BRIG_TRY(Statement s, connection.prepare("INSERT INTO egress_standing (owner, project, verb, rule, origin)"
                                           " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (owner, project, rule)"
                                           " DO UPDATE SET verb = excluded.verb, origin = excluded.origin"));
  s.bind(1, owner).bind(2, project).bind(3, row.verb).bind(4, row.rule).bind(5, row.from);
  return s.done();
}

Result<bool> withdraw(Connection& connection, const std::string& owner, const std::string& project,
                      const std::string& rule) {
  BRIG_TRY(Statement s, connection.prepare("DELETE FROM egress_standing WHERE owner = ?1 AND project = ?2"
                                           " AND rule = ?3"));
  s.bind(1, owner).bind(2, project).bind(3, rule);
  BRIG_CHECK(s.done());
  return connection.changes() > 0;
}

Result<std::vector<EgressRow>> standing(Connection& connection, const std::string& owner,
                                        const std::string& project) {
  BRIG_TRY(Statement s, connection.prepare("SELECT verb, rule, origin FROM egress_standing WHERE owner = ?1"
                                           " AND project = ?2 ORDER BY rowid"));
  s.bind(1, owner).bind(2, project);
  return rows_of(s);
}

}  // namespace

net::Task<Result<void>> EgressTable::replace(SessionId session, std::vector<EgressRow> rows) {
  auto work = [session, rows = std::move(rows)](Connection& c) { return store::replace(c, session, rows); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<std::vector<EgressRow>>> EgressTable::list(SessionId session) {
  auto work = [session](Connection& c) { return store::list(c, session); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<void>> EgressTable::stand(std::string owner, std::string project, EgressRow row) {
  auto work = [owner, project, row](Connection& c) { return store::stand(c, owner, project, row); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<bool>> EgressTable::withdraw(std::string owner, std::string project, std::string rule) {
  auto work = [owner, project, rule](Connection& c) { return store::withdraw(c, owner, project, rule); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<std::vector<EgressRow>>> EgressTable::standing(std::string owner, std::string project) {
  auto work = [owner, project](Connection& c) { return store::standing(c, owner, project); };
  co_return co_await database_.run(std::move(work));
}

}  // namespace brig::store
