// From one version of a service to another: the new one runs beside the old one before it gets the calls.
#include <algorithm>

#include "core/log.hpp"
#include "core/random.hpp"
#include "core/text.hpp"
#include "net/to_the_end.hpp"
#include "service/spec.hpp"
#include "service/unit.hpp"

namespace brig::service {
namespace {

Error no_version(const std::string& purpose, std::optional<std::uint64_t> number) {
  if (!number)
    return {Code::conflict,
            "service " + quoted(purpose, 200) +
                " has no version before the one that it has; `brig service show` " + "lists what is kept",
            "service: rollback", false};
  return {Code::not_found,
          "service " + quoted(purpose, 200) + " has no version " + std::to_string(*number) +
              " to go back to; `brig service show` lists what is kept",
          "service: rollback", false};
}

}  // namespace

net::Task<Result<void>> Manager::load_versions(UnitRef unit) {
  BRIG_CO_TRY(auto rows, co_await parts_.table.versions(unit->row.mesh, unit->row.name));
  unit->versions.clear();
  for (const auto& row : rows) {
    if (!row.ran) continue;
    Version version{row.number, "", row.artefact, row.made};
    if (auto entry = entry_from_json(row.built_json)) version.version = entry->version;
    unit->versions.push_back(std::move(version));
  }
  co_return Result<void>();
}

// As the service is kept, with what the version says in place of what it had.
store::ServiceRow Manager::row_with(const Unit& unit, store::VersionRow version) {
  auto row = unit.row;
  row.version = version.number;
  row.spec_json = std::move(version.spec_json);
  row.env = std::move(version.env);
  row.artefact = std::move(version.artefact);
  row.built_json = std::move(version.built_json);
  row.wanted = kRunning;
  row.updated = parts_.clock.wall();
  return row;
}

// In memory as in `row`, which the ledger gets next.
net::Task<Result<void>> Manager::adopt(UnitRef unit, store::ServiceRow row) {
  BRIG_CO_TRY(auto spec, spec_from_json(row.spec_json));
  BRIG_CO_TRY(auto entry, entry_from_json(row.built_json));
  BRIG_CO_TRY(auto artefact, co_await parts_.table.artefact(row.artefact));
  BRIG_CO_TRY(auto text, co_await parts_.vault.unseal(unit->scope(), unit->sealed_as(), row.env));
  BRIG_CO_TRY(auto variables, env_from_text(text));
  unit->row = std::move(row);
  unit->damaged = false;
  unit->spec = std::move(spec);
  unit->entry = std::move(entry);
  unit->artefact_bytes = artefact ? artefact->bytes : 0;
  unit->layer = artefact ? artefact->layer : LayerId();
  unit->env = references_of(variables);
  co_return Result<void>();
}

net::Task<Result<void>> Manager::commit(UnitRef unit, store::ServiceRow row) {
  auto before = unit->row;
  bool damaged = unit->damaged;
  BRIG_CO_CHECK(co_await adopt(unit, std::move(row)));
  auto taken = co_await parts_.table.take_over(unit->row, kVersionsKept);
  if (!taken && damaged) {
    unit->row = std::move(before);
    unit->damaged = true;
    co_return taken;
  }
  if (!taken) {
    auto back = co_await adopt(unit, std::move(before));
    if (!back)
      log::error("a service is not what it was", {{"name", unit->purpose()}, {"error", back.error()}});
    co_return taken;
  }
  if (unit->spec.zip) co_await parts_.uploads.remove(unit->spec.zip->kept);
  auto loaded = co_await load_versions(unit);
  if (!loaded) log::warn("versions are not shown", {{"name", unit->purpose()}, {"error", loaded.error()}});
  co_return Result<void>();
}

// In place of what it has. If it runs, it goes on until the new one has shown that it does.
net::Task<Result<void>> Manager::install(UnitRef unit, store::ServiceRow row) {
  Result<void> done;
  BRIG_CO_TRY(auto spec, spec_from_json(row.spec_json));
  if (spec.skill) {
    done = co_await install_skill(unit, std::move(row));
  } else if (unit->server || unit->state == State::ready) {
    done = co_await install_beside(unit, std::move(row));
  } else {
    row.session = unit->row.session;
    row.server_json.clear();  // what is in that sandbox, if anything, is not of this version
    done = co_await commit(unit, std::move(row));
    if (done) co_return co_await start(unit);
  }
  if (done) co_return done;
  auto forgotten = co_await parts_.table.forget_untried(unit->row.mesh, unit->row.name);
  if (!forgotten)
    log::warn("a version that never ran is left", {{"name", unit->purpose()}, {"error", forgotten.error()}});
  auto dropped = co_await parts_.hosting.drop_stray_layers();
  if (!dropped) log::warn("an artefact is left to reconciling", {{"error", dropped.error()}});
  co_return done;
}

net::Task<Result<void>> Manager::install_beside(UnitRef unit, store::ServiceRow row) {
  auto failed = [unit](Error why) {
    why = with_log(std::move(why), unit->log);
    why.message = "the new version does not start, and what ran runs on: " + why.message;
    return why;
  };
  auto session = co_await host(unit, row);
  if (!session) co_return failed(session.error());
  auto met = co_await meet(unit, *session, false);
  Result<void> done;
  if (met) {
    auto old = unit->row.session;
    row.session = *session;
    row.server_json = met->server_json;
    done = co_await commit(unit, std::move(row));
    if (done) {
      if (!old.empty()) unit->leaving.insert(old);
      ++unit->epoch;  // also for whoever would start the old one again
      unit->changed.notify_all();
      auto server = std::exchange(unit->server, nullptr);
      unit->backoff.forgive();
      co_await put_to_work(unit, std::move(*met));
      parts_.gateway.changed(unit->row.mesh, unit->row.name);
      scope_.spawn(retire(unit, std::move(server), old));
      co_return done;
    }
    co_await drop(met->server);
  } else {
    done = failed(met.error());
  }
  unit->leaving.insert(*session);
  co_await dismiss_leaving(unit, *session);
  co_return done;
}

// Nobody calls it any more; those who wait for it still get their answers.
net::Task<void> Manager::retire(UnitRef unit, std::shared_ptr<Server> server, SessionId session) {
  if (server) {
    co_await server->until_idle(Deadline::in(options_.last_answers));
  }
  co_await dismiss_leaving(unit, std::move(session));
  if (server) co_await drop(server);
}

net::Task<void> Manager::dismiss_leaving(UnitRef unit, SessionId session) {
  if (!unit->leaving.contains(session)) co_return;
  auto ended = co_await parts_.hosting.dismiss(session, options_.grace);
  if (ended)
    unit->leaving.erase(session);
  else
    log::warn("a service's sandbox is left", {{"name", unit->purpose()}, {"error", ended.error()}});
}

Result<void> Manager::check_rollback(const session::Caller& caller, const std::string& mesh,
                                     const std::string& name, std::optional<std::uint64_t> number) {
  BRIG_TRY(auto unit, find(Operation::change, caller, mesh, name));
  BRIG_CHECK(version_before(*unit, number));
  return rates_.take(Operation::deploy, caller, mesh, parts_.clock.steady());
}

// The one asked for, or the newest that is older than what it has.
Result<std::uint64_t> Manager::version_before(const Unit& unit, std::optional<std::uint64_t> number) {
  BRIG_CHECK(must_read(unit));
  const auto& kept = unit.versions;
  auto it = std::find_if(kept.rbegin(), kept.rend(), [&](const Version& version) {
    return number ? version.number == *number && version.number != unit.row.version
                  : version.number < unit.row.version;
  });
  if (it == kept.rend()) return no_version(unit.purpose(), number);
  return it->number;
}

net::Task<Result<View>> Manager::rollback(session::Caller caller, std::string mesh, std::string name,
                                          std::optional<std::uint64_t> number, Progress progress) {
  BRIG_CO_TRY(auto unit, find(Operation::change, caller, mesh, name));
  auto work = rollback_steps(unit, number, std::move(progress));
  BRIG_CO_CHECK(co_await net::to_the_end(scope_, std::move(work)));
  co_return view_of(*unit, caller);
}

net::Task<Result<void>> Manager::rollback_steps(UnitRef unit, std::optional<std::uint64_t> number,
                                                Progress progress) {
  auto turn = co_await take_turn(unit);
  if (unit->gone) co_return gone_meanwhile(unit->purpose());
  BRIG_CO_TRY(auto chosen, version_before(*unit, number));
  BRIG_CO_TRY(auto versions, co_await parts_.table.versions(unit->row.mesh, unit->row.name));
  auto it = std::find_if(versions.begin(), versions.end(),
                         [&](const store::VersionRow& version) { return version.number == chosen; });
  if (it == versions.end()) co_return no_version(unit->purpose(), chosen);
  if (progress) progress(State::starting, "version " + std::to_string(chosen));
  co_return co_await install(unit, row_with(*unit, std::move(*it)));
}

}  // namespace brig::service
