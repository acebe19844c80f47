// The gate before a service's tools: what a server lists and says of itself, and what of it is there for
// anybody.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/log.hpp"
#include "core/text.hpp"
#include "mcp/json.hpp"
#include "net/to_the_end.hpp"
#include "service/unit.hpp"

namespace brig::service {
namespace {

using nlohmann::json;

constexpr std::size_t kMostPins = 4'096;
constexpr Millis kToldEvery{60'000};
constexpr std::size_t kMostTold = 20;  // names, at a time
constexpr std::size_t kShownName = 64;

// Of one that can be read.
store::ToolPin pin_of(const ListedTool& tool) {
  return {tool.name, tool.fingerprint, *canonical(tool.json)};
}

std::vector<store::ToolPin> pins_of(const std::vector<ListedTool>& tools) {
  std::vector<store::ToolPin> pins;
  for (const auto& tool : tools)
    if (!tool.fingerprint.empty()) pins.push_back(pin_of(tool));
  return pins;
}

bool waits(Standing standing) {
  return standing == Standing::fresh || standing == Standing::changed;
}

}  // namespace

// All that others see of its tools comes from here.
void Manager::sift(Unit& unit) {
  unit.tools.clear();
  unit.instructs = false;
  auto pinning = options_.meshes.of(unit.row.mesh).pinning;
  for (const auto& tool : unit.listed) {
    if (standing_of(tool, unit.lists, unit.pins, pinning) != Standing::open) continue;
    if (tool.name == kInstructions)
      unit.instructs = true;
    else
      unit.tools.push_back({tool.name, tool.json});
  }
}

// What its server lists from now on: of a version that takes over, of one that starts again, or because the
// server says that it has changed. Until it is sifted nothing is waited for, so that nobody sees it
// otherwise.
net::Task<void> Manager::admit(UnitRef unit, std::vector<ListedTool> listed) {
  unit->listed = std::move(listed);
  auto about = mcp::Initialized::from(unit->row.server_json);
  if (about && !mcp::json::text(about->instructions).value_or("").empty())
    unit->listed.insert(unit->listed.begin(), read_instructions(about->instructions));
  sift(*unit);
  auto pinning = options_.meshes.of(unit->row.mesh).pinning;
  if (pinning == Pinning::automatic) co_await pin_anew(unit);
  if (pinning == Pinning::ask && !(unit->met && unit->heard)) co_await pin_first(unit);
  tell_held(*unit);
}

// Those of a first start; of a service that was met when only tools were pinned, what it says of itself.
// What cannot be written down waits.
net::Task<void> Manager::pin_first(UnitRef unit) {
  auto pins = pins_of(unit->listed);
  if (unit->met) std::erase_if(pins, [](const store::ToolPin& one) { return one.tool != kInstructions; });
  auto pinned = co_await pin(unit, std::move(pins));
  if (!pinned)
    log::warn("tools were not pinned, and wait for approval",
              {{"name", unit->purpose()}, {"error", pinned.error()}});
}

// Whatever it lists passes; what changed is written down, though no more often than once a minute.
net::Task<void> Manager::pin_anew(UnitRef unit) {
  auto changed = json::object();
  Pins is;
  for (const auto& tool : unit->listed) {
    if (tool.fingerprint.empty()) continue;
    is[tool.name] = tool.fingerprint;
    auto was = unit->pins.find(tool.name);
    if (was != unit->pins.end() && was->second == tool.fingerprint) continue;
    if (tool.name == kInstructions && !unit->heard) continue;
    if (changed.size() < kMostTold)
      changed[printable(tool.name, kShownName)] = was == unit->pins.end() ? "new" : "changed";
  }
  if (is == unit->pins && unit->met && unit->heard) co_return;
  auto now = parts_.clock.steady();
  if (unit->told && now - *unit->told < kToldEvery) co_return;
  unit->told = now;
  bool first = !unit->met;
  auto pinned = co_await parts_.gates.pin_anew(unit->row.mesh, unit->row.name, pins_of(unit->listed));
  if (!pinned) {
    log::warn("tools were not pinned", {{"name", unit->purpose()}, {"error", pinned.error()}});
    co_return;
  }
  unit->pins = std::move(is);
  unit->met = unit->heard = true;
  if (first || changed.empty()) co_return;
  json payload{{"service", unit->row.name}, {"tools", changed}};
  parts_.journal.note({unit->row.mesh, "tool.changed", "brigd", payload.dump()});
}

net::Task<Result<void>> Manager::pin(UnitRef unit, std::vector<store::ToolPin> pins) {
  auto more = static_cast<std::size_t>(std::count_if(
      pins.begin(), pins.end(), [&](const auto& one) { return !unit->pins.contains(one.tool); }));
  if (unit->pins.size() + more > kMostPins)
    co_return Error{Code::exhausted,
                    "service " + quoted(unit->row.name) + " has had " + std::to_string(unit->pins.size()) +
                        " tools approved, of at most " + std::to_string(kMostPins) +
                        "; remove it and deploy it anew",
                    "service: tools", false};
  BRIG_CO_CHECK(co_await parts_.gates.approve(unit->row.mesh, unit->row.name, pins));
  for (auto& one : pins) unit->pins[one.tool] = one.fingerprint;
  unit->met = unit->heard = true;
  sift(*unit);
  co_return Result<void>();
}

// A server may list its tools anew as often as it likes.
void Manager::tell_held(Unit& unit) {
  auto pinning = options_.meshes.of(unit.row.mesh).pinning;
  auto held = json::object();
  for (const auto& tool : unit.listed)
    if (auto standing = standing_of(tool, unit.lists, unit.pins, pinning);
        waits(standing) && held.size() < kMostTold)
      held[printable(tool.name, kShownName)] = to_string(standing);
  if (held.empty()) return;
  auto now = parts_.clock.steady();
  if (unit.told && now - *unit.told < kToldEvery) return;
  unit.told = now;
  json payload{{"service", unit.row.name}, {"tools", held}};
  parts_.journal.note({unit.row.mesh, "tool.held", "brigd", payload.dump()});
  unit.log.add(parts_.clock.wall(), "brig: tools wait for approval; see `brig service approve " +
                                        unit.row.name + "`: " + printable(held.dump(), 512));
}

std::size_t Manager::waiting(const Unit& unit) const {
  auto pinning = options_.meshes.of(unit.row.mesh).pinning;
  auto held = std::count_if(unit.listed.begin(), unit.listed.end(), [&](const ListedTool& tool) {
    return waits(standing_of(tool, unit.lists, unit.pins, pinning));
  });
  return static_cast<std::size_t>(held);
}

net::Task<Result<void>> Manager::change_lists(UnitRef unit, ToolLists lists) {
  BRIG_CO_CHECK(co_await parts_.gates.set_lists(unit->row.mesh, unit->row.name, to_json(lists)));
  unit->lists = std::move(lists);
  sift(*unit);
  log::info("service", {{"name", unit->purpose()}, {"tools", to_json(unit->lists)}});
  parts_.gateway.tell(unit->row.mesh, unit->row.name, "notifications/tools/list_changed", {});
  co_return Result<void>();
}

net::Task<Result<ToolReport>> Manager::set_tool_lists(session::Caller caller, std::string mesh,
                                                      std::string name, ToolLists lists) {
  BRIG_CO_TRY(auto unit, find(Operation::change, caller, mesh, name));
  BRIG_CO_CHECK(must_run(*unit));
  BRIG_CO_CHECK(check_lists(lists));
  auto work = change_lists(unit, std::move(lists));
  BRIG_CO_CHECK(co_await net::to_the_end(scope_, std::move(work)));
  co_return co_await tool_report(caller, mesh, name);
}

// What was looked at, and nothing else: a server may have changed it since.
Result<std::vector<store::ToolPin>> Manager::check_approval(const Unit& unit,
                                                            const std::vector<Approval>& approvals) const {
  std::vector<store::ToolPin> pins;
  for (const auto& approval : approvals) {
    auto tool = std::find_if(unit.listed.begin(), unit.listed.end(),
                             [&](const ListedTool& t) { return t.name == approval.tool; });
    if (tool == unit.listed.end() || tool->fingerprint.empty())
      return Error{Code::not_found,
                   "service " + quoted(unit.row.name) + " has no tool " + quoted(approval.tool) +
                       " that can be approved",
                   "service: tools", false};
    if (tool->fingerprint != approval.fingerprint)
      return Error{Code::conflict,
                   "tool " + quoted(approval.tool) + " has changed since you looked at it; look again",
                   "service: tools", false};
    pins.push_back(pin_of(*tool));
  }
  return pins;
}

net::Task<Result<void>> Manager::approve_steps(UnitRef unit, std::vector<store::ToolPin> pins) {
  BRIG_CO_CHECK(co_await pin(unit, std::move(pins)));
  parts_.gateway.tell(unit->row.mesh, unit->row.name, "notifications/tools/list_changed", {});
  co_return Result<void>();
}

net::Task<Result<ToolReport>> Manager::approve_tools(session::Caller caller, std::string mesh,
                                                     std::string name, std::vector<Approval> approvals) {
  BRIG_CO_TRY(auto unit, find(Operation::change, caller, mesh, name));
  bool strict = options_.meshes.of(mesh).pinning == Pinning::strict;
  if (strict && !may(caller, Permission::permissions, parts_.permissions.of(caller)))
    co_return Error{Code::denied,
                    "in mesh " + quoted(mesh) +
                        " those approve of tools who manage its permissions; ask an owner or admin of it",
                    "service: tools", false};
  BRIG_CO_TRY(auto pins, check_approval(*unit, approvals));
  auto work = approve_steps(unit, std::move(pins));
  BRIG_CO_CHECK(co_await net::to_the_end(scope_, std::move(work)));
  co_return co_await tool_report(caller, mesh, name);
}

net::Task<Result<ToolReport>> Manager::tool_report(session::Caller caller, std::string mesh,
                                                   std::string name) {
  BRIG_CO_TRY(auto unit, find(Operation::inspect, caller, mesh, name));
  BRIG_CO_CHECK(must_run(*unit));
  BRIG_CO_TRY(auto approved, co_await parts_.gates.approved(mesh, name));
  ToolReport out;
  out.pinning = options_.meshes.of(mesh).pinning;
  out.lists = unit->lists;
  for (const auto& tool : unit->listed) {
    ToolReport::Entry entry{
        tool.name, standing_of(tool, unit->lists, unit->pins, out.pinning), tool.fingerprint, {}};
    if (waits(entry.standing)) {
      BRIG_CO_TRY(auto text, canonical(tool.json));
      auto before = approved.find(tool.name);
      entry.changes = changes_between(before == approved.end() ? "" : before->second, text);
    }
    out.tools.push_back(std::move(entry));
  }
  co_return out;
}

}  // namespace brig::service
