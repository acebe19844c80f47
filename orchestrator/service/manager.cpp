#include "service/manager.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/log.hpp"
#include "core/text.hpp"
#include "mcp/json.hpp"
#include "service/spec.hpp"
#include "service/unit.hpp"

namespace brig::service {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxArguments = 4 << 20;

Error no_service(const std::string& mesh, const std::string& name) {
  return {Code::not_found,
          "mesh " + quoted(mesh) + " has no service " + quoted(name) +
              " that you may see; `brig service ls " + "--mesh " + printable(mesh) + "` lists them",
          "service", false};
}

}  // namespace

std::map<std::string, std::string> references_of(const std::map<std::string, Secret>& env) {
  std::map<std::string, std::string> out;
  for (const auto& [name, value] : env) out[name] = vault_key_of(value);
  return out;
}

Error gone_meanwhile(const std::string& purpose) {
  return {Code::conflict, "service " + quoted(purpose, 200) + " was removed meanwhile", "service", false};
}

Manager::Manager(net::asio::any_io_executor executor, Options options, Parts parts)
    : executor_(executor), options_(options), parts_(parts), scope_(executor, "services") {}

Manager::~Manager() = default;

net::Task<void> Manager::drain(Deadline deadline) {
  auto servers = servers_;
  for (const auto& server : servers) server->take_no_more();
  for (const auto& server : servers) co_await server->until_idle(deadline);
}

net::Task<void> Manager::close() {
  co_await scope_.close();
  for (auto& [key, unit] : units_) unit->server = nullptr;
  while (!servers_.empty()) co_await drop(*servers_.begin());
}

Result<Manager::UnitRef> Manager::find(Operation operation, const session::Caller& caller,
                                       const std::string& mesh, const std::string& name) const {
  auto it = units_.find({mesh, name});
  if (it == units_.end()) return no_service(mesh, name);
  auto target = it->second->target();
  auto decision = decide(operation, caller, mesh, &target, parts_.permissions.of(caller));
  if (decision.allowed()) return it->second;
  log::debug("refused", {{"service", it->second->purpose()},
                         {"operation", to_string(operation)},
                         {"caller", caller.owner},
                         {"reason", decision.reason}});
  if (decision.hidden()) return no_service(mesh, name);
  return Error{Code::denied, std::move(decision.reason), "service", false};
}

Result<void> Manager::must_read(const Unit& unit) {
  if (!unit.damaged) return {};
  return Error{Code::conflict,
               "what the ledger has of service " + quoted(unit.purpose(), 200) +
                   " does not read; deploy it again, or remove it (`brig service rm`)",
               "service", false};
}

net::Task<Manager::Turn> Manager::take_turn(UnitRef unit) {
  while (unit->busy) co_await unit->changed.wait();
  co_return Turn(unit);
}

net::Task<Result<void>> Manager::save(UnitRef unit) {
  unit->row.state = to_string(unit->state);
  unit->row.reason = unit->reason;
  unit->row.updated = parts_.clock.wall();
  co_return co_await parts_.table.update(unit->row);
}

// What cannot be written down is no reason not to be in that state.
net::Task<void> Manager::set_state(UnitRef unit, State state, std::string reason) {
  bool other = serves(unit->state) != serves(state);
  unit->state = state;
  unit->reason = std::move(reason);
  unit->changed.notify_all();
  if (other) parts_.gateway.changed(unit->row.mesh, unit->row.name);
  log::info("service", {{"name", unit->purpose()}, {"state", to_string(state)}, {"reason", unit->reason}});
  auto saved = co_await save(unit);
  if (!saved)
    log::warn("a service's state was not kept", {{"name", unit->purpose()}, {"error", saved.error()}});
}

bool Manager::may_inspect(const Unit& unit, const session::Caller& caller) const {
  auto target = unit.target();
  return decide(Operation::inspect, caller, unit.row.mesh, &target, parts_.permissions.of(caller)).allowed();
}

View Manager::view_of(const Unit& unit, const session::Caller& caller) const {
  View view;
  view.mesh = unit.row.mesh;
  view.name = unit.row.name;
  view.owner = unit.row.owner;
  view.scope = unit.reach;
  view.state = unit.state;
  view.source = unit.damaged ? "unknown" : source_kind(unit.spec);
  view.type = unit.spec.skill ? "skill" : "mcp";
  if (unit.entry) view.skill = unit.entry->skill;
  if (unit.entry && !view.skill && !unit.entry->image) view.runtime = unit.entry->runtime;
  if (auto info = mcp::json::find(unit.row.server_json, "serverInfo")) view.server_info = *info;
  view.tools = unit.tools.size();
  view.created = unit.row.created;
  view.updated = unit.row.updated;
  if (!may_inspect(unit, caller)) return view;
  Insight inside;
  inside.reason = unit.reason;
  inside.spec = unit.spec;
  inside.env = unit.env;
  if (unit.entry) {
    inside.version = unit.entry->version;
    inside.command = unit.entry->command;
  }
  inside.artefact = unit.row.artefact;
  inside.artefact_bytes = unit.artefact_bytes;
  inside.number = unit.row.version;
  inside.versions = unit.versions;
  inside.session = unit.row.session.str();
  inside.restarts = unit.backoff.restarts();
  inside.waiting = waiting(unit);
  view.inside = std::move(inside);
  return view;
}

Result<std::vector<View>> Manager::list(const session::Caller& caller, const std::string& mesh) {
  BRIG_CHECK(check_name("mesh", mesh));
  std::vector<View> out;
  for (const auto& [key, unit] : units_) {
    auto target = unit->target();
    if (key.first == mesh &&
        decide(Operation::see, caller, mesh, &target, parts_.permissions.of(caller)).allowed())
      out.push_back(view_of(*unit, caller));
  }
  return out;
}

Result<View> Manager::get(const session::Caller& caller, const std::string& mesh, const std::string& name) {
  BRIG_TRY(auto unit, find(Operation::see, caller, mesh, name));
  return view_of(*unit, caller);
}

Result<std::vector<Tool>> Manager::tools(const session::Caller& caller, const std::string& mesh,
                                         const std::string& name) {
  BRIG_TRY(auto unit, find(Operation::see, caller, mesh, name));
  BRIG_CHECK(must_run(*unit));
  return unit->tools;
}

Result<std::vector<LogLine>> Manager::logs(const session::Caller& caller, const std::string& mesh,
                                           const std::string& name, std::size_t count) {
  BRIG_TRY(auto unit, find(Operation::inspect, caller, mesh, name));
  BRIG_CHECK(must_run(*unit));
  return unit->log.last(count);
}

Result<std::shared_ptr<Server>> Manager::server_for(const session::Caller& caller, const Unit& unit) const {
  if (serves(unit.state) && unit.server) return unit.server;
  BRIG_CHECK(must_run(unit));
  auto state = unit.found();
  bool soon = state == State::restarting || state == State::starting;
  return Error{
      soon ? Code::unavailable : Code::conflict,
      "service " + quoted(unit.row.name) + " is " + std::string(to_string(state)) +
          (unit.reason.empty() || state != unit.state || !may_inspect(unit, caller) ? ""
                                                                                    : ": " + unit.reason),
      "service: call", soon};
}

net::Task<Result<mcp::Answer>> Manager::call(session::Caller caller, std::string mesh, std::string name,
                                             std::string tool, std::string arguments, Deadline deadline) {
  BRIG_CO_TRY(auto unit, find(Operation::call, caller, mesh, name));
  BRIG_CO_CHECK(rates_.take(Operation::call, caller, mesh, parts_.clock.steady()));
  BRIG_CO_TRY(auto server, server_for(caller, *unit));
  if (arguments.size() > kMaxArguments)
    co_return Error{Code::too_large, "the arguments are over 4 MiB", "service: call", false};
  BRIG_CO_CHECK(mcp::json::check(arguments));
  if (mcp::json::type_of(arguments) != mcp::json::Type::object)
    co_return Error{Code::invalid, "arguments must be a JSON object, as in {\"message\": \"hi\"}",
                    "service: call", false};
  std::vector<std::string_view> known;
  for (const auto& one : unit->tools) known.push_back(one.name);
  if (std::find(known.begin(), known.end(), tool) == known.end())
    co_return Error{Code::not_found,
                    "service " + quoted(name) + " has no tool " + quoted(tool) + did_you_mean(tool, known) +
                        "; `brig service tools " + printable(name) + "` lists them",
                    "service: call", false};
  mcp::Call call;
  call.method = "tools/call";
  call.params = "{\"name\":" + mcp::json::literal(tool) +
                ",\"arguments\":" + mcp::json::one_line(std::move(arguments)) + "}";
  call.deadline = deadline;
  co_return co_await server->call(std::move(call));
}

}  // namespace brig::service
