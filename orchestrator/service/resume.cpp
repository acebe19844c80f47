// What another brigd has left: services as the ledger has them, and the sandboxes that are there.
#include <map>

#include "core/log.hpp"
#include "service/spec.hpp"
#include "service/unit.hpp"

namespace brig::service {
namespace {

constexpr Millis kLookAgain{1'000};

}  // namespace

Result<void> Manager::read_row(Unit& unit) {
  const auto& row = unit.row;
  BRIG_TRY(unit.spec, spec_from_json(row.spec_json));
  if (!row.artefact.empty()) {
    BRIG_TRY(unit.entry, entry_from_json(row.built_json));
  }
  return {};
}

// One that does not read keeps none of the others from coming back.
net::Task<Result<void>> Manager::load() {
  BRIG_CO_CHECK(co_await parts_.table.forget_untried());
  BRIG_CO_TRY(auto rows, co_await parts_.table.list());
  BRIG_CO_TRY(auto artefacts, co_await parts_.table.artefacts());
  for (auto& row : rows) {
    auto unit = std::make_shared<Unit>(executor_, std::move(row));
    const auto& known = unit->row;
    auto read = read_row(*unit);
    if (auto scope = read_scope(known.scope))
      unit->reach = std::move(*scope);
    else
      log::error("the ledger's scope of a service does not read; it is its deployer's alone",
                 {{"name", unit->purpose()}, {"error", scope.error()}});
    for (const auto& artefact : artefacts)
      if (artefact.hash == known.artefact) {
        unit->artefact_bytes = artefact.bytes;
        unit->layer = artefact.layer;
      }
    auto versions = co_await load_versions(unit);
    if (read) read = std::move(versions);
    unit->state = known.wanted == kRunning ? State::restarting : State::stopped;
    if (known.wanted == kRunning) unit->reason = "brigd was restarted and has not looked after it yet";
    // Of these nothing has to be looked after.
    if (unit->spec.skill && !unit->layer.empty() && known.wanted == kRunning) {
      unit->state = State::ready;
      unit->reason.clear();
    }
    if (!read) {
      unit->damaged = true;
      unit->state = State::failed;
      unit->reason = "what the ledger has of it does not read (" + read.error().message +
                     "); deploy it again, or remove it (`brig service rm " + known.name + "`)";
      log::error("a service does not read, and is not run",
                 {{"name", unit->purpose()}, {"error", read.error()}});
    }
    units_[{known.mesh, known.name}] = unit;
  }
  std::set<std::string> needed;
  bool known = true;
  for (const auto& [key, unit] : units_) {
    if (unit->spec.zip && unit->row.artefact.empty()) needed.insert(unit->spec.zip->kept);
    if (unit->damaged && unit->row.artefact.empty()) known = false;
  }
  if (known) co_await parts_.uploads.clear(std::move(needed));
  BRIG_CO_TRY(auto gates, co_await parts_.gates.list());
  for (auto& gate : gates) {
    auto it = units_.find({gate.mesh, gate.service});
    if (it == units_.end()) continue;
    auto& unit = *it->second;
    if (!gate.lists_json.empty()) unit.lists = lists_from_json(gate.lists_json);
    unit.met = gate.met;
    unit.heard = gate.heard;
    unit.pins = std::move(gate.pins);
  }
  co_return Result<void>();
}

// How many have not come so far that it shows whether they run.
struct Manager::Resuming {
  explicit Resuming(net::asio::any_io_executor executor) : changed(executor) {}
  std::size_t left = 0;
  net::Event changed;
};

// Servers first; what is left of those before them is cleared away when they are there.
net::Task<void> Manager::resume() {
  auto hosted = co_await parts_.hosting.hosted();
  while (!hosted) {
    log::error("the sandboxes of services cannot be listed", {{"error", hosted.error()}});
    co_await net::sleep_for(kLookAgain);
    hosted = co_await parts_.hosting.hosted();
  }
  std::map<SessionId, bool> live;
  for (const auto& one : *hosted) live[one.id] = one.live;
  auto all = std::make_shared<Resuming>(executor_);
  auto units = units_;
  for (auto& [key, unit] : units) {
    auto it = live.find(unit->row.session);
    bool runs = it != live.end() && it->second;
    if (it != live.end()) live.erase(it);
    ++all->left;
    scope_.spawn(resume_one(unit, runs, all));
  }
  std::vector<SessionId> strays;  // begun, and not written down before the end
  for (const auto& [id, runs] : live) strays.push_back(id);
  scope_.spawn(clear_up(all, std::move(strays)));
}

net::Task<void> Manager::clear_up(std::shared_ptr<Resuming> all, std::vector<SessionId> strays) {
  while (all->left > 0) co_await all->changed.wait();
  auto units = units_;
  // One that a caller began meanwhile has become somebody's.
  for (const auto& [key, unit] : units) std::erase(strays, unit->row.session);
  for (const auto& id : strays) {
    auto gone = co_await parts_.hosting.dismiss(id, Millis(0));
    if (!gone) log::warn("a service's sandbox is left", {{"session", id.str()}, {"error", gone.error()}});
  }
  for (auto& [key, unit] : units) {
    auto leaving = unit->leaving;
    for (const auto& id : leaving) co_await dismiss_leaving(unit, id);
  }
}

net::Task<void> Manager::resume_one(UnitRef unit, bool live, std::shared_ptr<Resuming> all) {
  struct Leave {
    std::shared_ptr<Resuming> all;
    ~Leave() { now(); }
    void now() {
      auto from = std::exchange(all, nullptr);
      if (!from) return;
      --from->left;
      from->changed.notify_all();
    }
  } leave{std::move(all)};
  if (unit->row.wanted == kRemoved) {
    auto removed = co_await remove_steps(unit);
    if (!removed)
      log::warn("a service is left to the next start",
                {{"name", unit->purpose()}, {"error", removed.error()}});
    co_return;
  }
  auto turn = co_await take_turn(unit);
  // Somebody was faster: callers are served before this.
  if (unit->gone || unit->server || unit->epoch != 0) co_return;
  if (auto variables = co_await parts_.vault.unseal(unit->scope(), unit->sealed_as(), unit->row.env)) {
    if (auto read = env_from_text(*variables))
      for (const auto& [name, value] : *read) unit->env[name] = vault_key_of(value);
  }
  if (unit->row.wanted == kStopped || unit->damaged) {
    if (!unit->row.session.empty()) (void)co_await let_go(unit);
    co_return;
  }
  if (unit->state == State::ready) co_return;
  Result<void> up;
  if (unit->row.artefact.empty()) {
    auto spec = unit->spec;
    auto env = unit->row.env;
    Progress nobody;
    leave.now();  // it may take minutes
    (void)co_await build_and_install(unit, std::move(spec), std::move(env), std::move(nobody));
    co_return;
  }
  if (live && !unit->row.server_json.empty()) {
    // For what its log is not to tell. If a key is gone from the vault since, the others' values still count.
    auto given = co_await environment(unit, unit->entry->runtime, unit->row.env);
    if (!given)
      log::warn("a service's log may tell a key", {{"name", unit->purpose()}, {"error", given.error()}});
    // It may have been asleep.
    auto awake = co_await parts_.hosting.pause(unit->row.session, false);
    if (!awake) log::warn("a service may be asleep", {{"name", unit->purpose()}, {"error", awake.error()}});
    auto met = co_await meet(unit, unit->row.session, true);
    if (met) {
      co_await put_to_work(unit, std::move(*met));
    } else {
      up = met.error();
    }
  } else {
    if (!unit->row.session.empty()) unit->leaving.insert(std::exchange(unit->row.session, SessionId()));
    up = co_await bring_up(unit);
  }
  if (up) co_return;
  scope_.spawn(revive(unit, up.error(), Millis(0), unit->epoch));
}

}  // namespace brig::service
