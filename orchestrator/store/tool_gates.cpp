#include "store/tool_gates.hpp"

#include "core/text.hpp"

namespace brig::store {
namespace {

// In `met`; 1 is what a brigd wrote that knew of tools alone.
constexpr std::int64_t kHeard = 2;

Result<std::vector<ToolGateRow>> all_gates(Connection& connection) {
  std::map<std::pair<std::string, std::string>, ToolGateRow> rows;
  BRIG_TRY(Transaction transaction, Transaction::begin(connection));
  {
    BRIG_TRY(Statement s, connection.prepare("SELECT mesh, service, lists_json, met FROM tool_gates"));
    while (true) {
      BRIG_TRY(bool more, s.step());
      if (!more) break;
      rows[{s.text(0), s.text(1)}] = {
          s.text(0), s.text(1), s.text(2), s.integer(3) != 0, s.integer(3) == kHeard, {}};
    }
  }
  {
    BRIG_TRY(Statement s, connection.prepare("SELECT mesh, service, tool, fingerprint FROM tool_pins"));
    while (true) {
      BRIG_TRY(bool more, s.step());
      if (!more) break;
      rows[{s.text(0), s.text(1)}].pins[s.text(2)] = s.text(3);
    }
  }
  BRIG_CHECK(transaction.commit());
  std::vector<ToolGateRow> out;
  for (auto& [key, row] : rows) out.push_back(std::move(row));
  return out;
}

Result<void> make_gate(Connection& connection, const std::string& mesh, const std::string& service) {
  BRIG_TRY(Statement s, connection.prepare("INSERT INTO tool_gates (mesh, service)"
                                           " SELECT mesh, name FROM services WHERE mesh = ?1 AND name = ?2"
                                           " ON CONFLICT DO NOTHING"));
  s.bind(1, mesh).bind(2, service);
  return s.done();
}

Result<void> change_gate(Connection& connection, const char* sql, const std::string& mesh,
                         const std::string& service, const std::string* value) {
  BRIG_TRY(Statement s, connection.prepare(sql));
  s.bind(1, mesh).bind(2, service);
  if (value) s.bind(3, *value);
  BRIG_CHECK(s.done());
  if (connection.changes() > 0) return {};
  return Error{Code::not_found, "mesh " + quoted(mesh) + " has no service " + quoted(service) + " any more",
               "store: tools", false};
}

Result<void> set_gate_lists(Connection& connection, const std::string& mesh, const std::string& service,
                            const std::string& lists) {
  BRIG_TRY(Transaction transaction, Transaction::begin(connection));
  BRIG_CHECK(make_gate(connection, mesh, service));
  BRIG_CHECK(change_gate(connection, "UPDATE tool_gates SET lists_json = ?3 WHERE mesh = ?1 AND service = ?2",
                         mesh, service, &lists));
  return transaction.commit();
}

Result<void> put_pin(Connection& connection, const std::string& mesh, const std::string& service,
                     const ToolPin& pin) {
  BRIG_TRY(Statement s,
           connection.prepare("INSERT INTO tool_pins (mesh, service, tool, fingerprint, tool_json)"
                              " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE"
                              " SET fingerprint = excluded.fingerprint,"
                              " tool_json = excluded.tool_json"));
  s.bind(1, mesh).bind(2, service).bind(3, pin.tool).bind(4, pin.fingerprint).bind(5, pin.json);
  return s.done();
}

Result<void> approve_all(Connection& connection, const std::string& mesh, const std::string& service,
                         const std::vector<ToolPin>& pins, bool anew) {
  BRIG_TRY(Transaction transaction, Transaction::begin(connection));
  BRIG_CHECK(make_gate(connection, mesh, service));
  if (anew) {
    BRIG_TRY(Statement s, connection.prepare("DELETE FROM tool_pins WHERE mesh = ?1 AND service = ?2"));
    s.bind(1, mesh).bind(2, service);
    BRIG_CHECK(s.done());
  }
  BRIG_CHECK(change_gate(connection, "UPDATE tool_gates SET met = 2 WHERE mesh = ?1 AND service = ?2", mesh,
                         service, nullptr));
  for (const auto& pin : pins) BRIG_CHECK(put_pin(connection, mesh, service, pin));
  return transaction.commit();
}

Result<std::map<std::string, std::string>> approved_of(Connection& connection, const std::string& mesh,
                                                       const std::string& service) {
  std::map<std::string, std::string> out;
  BRIG_TRY(Statement s, connection.prepare("SELECT tool, tool_json FROM tool_pins"
                                           " WHERE mesh = ?1 AND service = ?2"));
  s.bind(1, mesh).bind(2, service);
  while (true) {
    BRIG_TRY(bool more, s.step());
    if (!more) return out;
    out[s.text(0)] = s.text(1);
  }
}

}  // namespace

net::Task<Result<std::vector<ToolGateRow>>> ToolGateTable::list() {
  auto work = [](Connection& c) { return all_gates(c); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<void>> ToolGateTable::set_lists(std::string mesh, std::string service,
                                                 std::string lists_json) {
  auto work = [mesh = std::move(mesh), service = std::move(service), lists = std::move(lists_json)](
                  Connection& c) { return set_gate_lists(c, mesh, service, lists); };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<void>> ToolGateTable::approve(std::string mesh, std::string service,
                                               std::vector<ToolPin> pins) {
  auto work = [mesh = std::move(mesh), service = std::move(service), pins = std::move(pins)](Connection& c) {
    return approve_all(c, mesh, service, pins, false);
  };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<void>> ToolGateTable::pin_anew(std::string mesh, std::string service,
                                                std::vector<ToolPin> pins) {
  auto work = [mesh = std::move(mesh), service = std::move(service), pins = std::move(pins)](Connection& c) {
    return approve_all(c, mesh, service, pins, true);
  };
  co_return co_await database_.run(std::move(work));
}

net::Task<Result<std::map<std::string, std::string>>> ToolGateTable::approved(std::string mesh,
                                                                              std::string service) {
  auto work = [mesh = std::move(mesh), service = std::move(service)](Connection& c) {
    return approved_of(c, mesh, service);
  };
  co_return co_await database_.run(std::move(work));
}

}  // namespace brig::store
