// From a wish to a service that runs, and to one that does not.
#include <algorithm>

#include "core/log.hpp"
#include "core/random.hpp"
#include "core/text.hpp"
#include "image/reference.hpp"
#include "net/to_the_end.hpp"
#include "service/spec.hpp"
#include "service/unit.hpp"
#include "session/tenancy.hpp"

namespace brig::service {
namespace {

Error no_mesh(const std::string& mesh) {
  return {Code::not_found, "there is no mesh " + quoted(mesh) + " that you may deploy into", "service",
          false};
}

}  // namespace

// What a registry serves is unpacked by the engine itself, and what the engine has may be another's.
// Asked before each pull, for what an operator takes off the list is trusted no more.
Result<void> Manager::check_registry(const std::string& mesh, const ImageSource& image) const {
  if (image.local) return {};
  const auto& allowed = options_.meshes.of(mesh).registries;
  auto registry = image::registry_of(image.reference);
  if (std::find(allowed.begin(), allowed.end(), registry) != allowed.end()) return {};
  return Error{
      Code::denied,
      "source.image is of registry " + quoted(registry, 256) + ", which mesh " + quoted(mesh) +
          " may not take images from; have it added to `registries` of [mesh] in brig.toml, or the service "
          "deployed by an admin of this host",
      "service", false};
}

net::Task<Result<void>> Manager::check_vault(vault::Scope scope, const DeploySpec& wish) {
  std::vector<std::string> keys;
  for (const auto& [name, value] : wish.env) keys.push_back(vault_key_of(value));
  if (wish.spec.git) keys.push_back(wish.spec.git->key);
  if (wish.spec.image) keys.push_back(wish.spec.image->key);
  for (const auto& key : keys) {
    if (key.empty()) continue;
    BRIG_CO_TRY(bool there, co_await parts_.vault.has(scope, key));
    if (!there) co_return vault::no_such_key(key);
  }
  co_return Result<void>();
}

Result<void> Manager::may_deploy(const session::Caller& caller, const std::string& mesh,
                                 const std::string& name) const {
  auto it = units_.find({mesh, name});
  auto decision = decide(Operation::deploy, caller, mesh, nullptr, parts_.permissions.of(caller));
  if (decision.hidden()) return no_mesh(mesh);
  if (decision.allowed() && it != units_.end()) {
    auto target = it->second->target();
    decision = decide(Operation::replace, caller, mesh, &target, parts_.permissions.of(caller));
  }
  if (decision.allowed()) return {};
  // A name is of its mesh: that it is taken is the one thing that cannot be hidden.
  if (decision.hidden())
    return Error{Code::conflict,
                 "the name " + quoted(name) + " is not free in mesh " + quoted(mesh) + "; choose another",
                 "service", false};
  return Error{Code::denied, std::move(decision.reason), "service", false};
}

Result<void> Manager::vet(const session::Caller& caller, const std::string& mesh,
                          const DeploySpec& wish) const {
  BRIG_CHECK(check_name("mesh", mesh));
  BRIG_CHECK(check_name("name", wish.name));
  BRIG_CHECK(may_deploy(caller, mesh, wish.name));
  if (wish.spec.directory && !session::is_of_host(caller))
    return Error{
        Code::denied,
        "a directory of this host can be named by callers on the unix socket and by admin tokens only; "
        "deploy a package instead",
        "service", false};
  BRIG_CHECK(check_spec(wish.spec));
  if (wish.spec.image && !session::is_of_host(caller)) BRIG_CHECK(check_registry(mesh, *wish.spec.image));
  if (wish.spec.remote && wish.spec.idle)
    return Error{
        Code::invalid,
        "config.idle is of servers that run here: one elsewhere may forget who is asleep; leave it out",
        "service", false};
  if (wish.spec.skill && !wish.env.empty())
    return Error{Code::invalid, "config.env is given for a skill, which is not run; leave it out", "service",
                 false};
  BRIG_CHECK(check_env(wish.env));
  return check_room(mesh, wish.name);
}

Result<void> Manager::check_room(const std::string& mesh, const std::string& name) const {
  auto most = options_.meshes.of(mesh).services;
  if (most == 0 || units_.contains({mesh, name})) return {};
  auto has =
      std::count_if(units_.begin(), units_.end(), [&](const auto& u) { return u.first.first == mesh; });
  if (static_cast<std::uint64_t>(has) < most) return {};
  return Error{Code::exhausted,
               "mesh " + quoted(mesh) + " has " + std::to_string(has) + " services, and may have " +
                   std::to_string(most) + "; remove one, or have the bound of [mesh] in brig.toml raised",
               "service", false};
}

Result<void> Manager::check(const session::Caller& caller, const std::string& mesh, const DeploySpec& wish) {
  BRIG_CHECK(vet(caller, mesh, wish));
  return rates_.take(Operation::deploy, caller, mesh, parts_.clock.steady());
}

net::Task<Result<View>> Manager::deploy(session::Caller caller, std::string mesh, DeploySpec wish,
                                        Progress progress) {
  BRIG_CO_CHECK(vet(caller, mesh, wish));
  if (wish.spec.directory) {
    wish.spec.directory->uid = caller.uid;
    wish.spec.directory->gid = caller.gid;
  }
  if (wish.spec.image) wish.spec.image->local = session::is_of_host(caller);
  if (wish.spec.zip) {
    BRIG_CO_TRY(wish.spec.zip->kept,
                co_await parts_.uploads.claim(caller.owner, mesh, wish.spec.zip->file_id));
  }
  store::ServiceRow row;
  row.mesh = mesh;
  row.name = wish.name;
  row.owner = caller.owner;
  row.created = row.updated = parts_.clock.wall();
  Key key{mesh, wish.name};
  auto known = [&] { return units_.find(key); };
  if (known() != units_.end()) row.owner = known()->second->row.owner;
  auto unit = std::make_shared<Unit>(executor_, std::move(row));
  BRIG_CO_CHECK(co_await check_vault(unit->scope(), wish));
  auto text = env_to_text(wish.env);
  BRIG_CO_TRY(auto sealed, co_await parts_.vault.seal(unit->scope(), unit->sealed_as(), std::move(text)));
  if (known() != units_.end()) {
    BRIG_CO_CHECK(may_deploy(caller, mesh, wish.name));
    unit = known()->second;
    if (wish.scope) {
      BRIG_CO_CHECK(co_await change_scope(unit, *wish.scope));
    }
  } else {
    unit->spec = wish.spec;
    unit->reach = wish.scope.value_or(Scope());
    unit->env = references_of(wish.env);
    unit->is_new = true;
    unit->state = State::building;
    unit->row.spec_json = spec_to_json(wish.spec);
    unit->row.env = sealed;
    unit->row.scope = to_json(unit->reach);
    unit->row.wanted = kRunning;
    unit->row.state = to_string(unit->state);
  }
  auto work = deploy_steps(unit, std::move(wish.spec), std::move(sealed), std::move(progress));
  BRIG_CO_CHECK(co_await net::to_the_end(scope_, std::move(work)));
  co_return view_of(*unit, caller);
}

net::Task<Result<void>> Manager::deploy_steps(UnitRef unit, std::optional<Spec> spec,
                                              std::vector<unsigned char> env, Progress progress) {
  auto turn = co_await take_turn(unit);
  if (unit->gone) co_return gone_meanwhile(unit->purpose());
  if (!spec) {
    // As it is now that nobody else builds it.
    BRIG_CO_CHECK(may_update(*unit));
    spec = unit->spec;
    env = unit->row.env;
  }
  if (unit->is_new) {
    // Others may have taken the last place meanwhile.
    BRIG_CO_CHECK(check_room(unit->row.mesh, unit->row.name));
    // Nobody sees what a kill would take back.
    BRIG_CO_CHECK(co_await parts_.table.insert(unit->row));
    unit->is_new = false;
    units_[{unit->row.mesh, unit->row.name}] = unit;
  }
  co_return co_await build_and_install(unit, std::move(*spec), std::move(env), std::move(progress));
}

net::Task<Result<void>> Manager::build_and_install(UnitRef unit, Spec spec, std::vector<unsigned char> env,
                                                   Progress progress) {
  auto built = co_await build(unit, std::move(spec), std::move(env), progress);
  Result<void> done;
  if (built) {
    if (progress) progress(State::starting, "");
    done = co_await install(unit, std::move(*built));
  } else {
    done = built.error();
  }
  if (!done && unit->row.artefact.empty() && !unit->damaged)
    co_await set_state(unit, State::failed, done.error().message);
  co_return done;
}

net::Task<Result<Product>> Manager::make(UnitRef unit, Spec spec, Progress progress) {
  Builds::Given given;
  if (spec.image) BRIG_CO_CHECK(check_registry(unit->row.mesh, *spec.image));
  auto key = spec.git ? spec.git->key : spec.image ? spec.image->key : std::string();
  if (!key.empty()) {
    BRIG_CO_TRY(given.key, co_await open_key(unit, std::move(key)));
  }
  if (spec.zip) {
    BRIG_CO_TRY(given.zip, co_await parts_.uploads.open(spec.zip->kept));
  }
  co_return co_await parts_.builds.make(unit->owner(), unit->purpose(), std::move(spec), std::move(given),
                                        std::move(progress));
}

// As it will be kept; what runs meanwhile runs on, also if this fails.
net::Task<Result<store::ServiceRow>> Manager::build(UnitRef unit, Spec spec, std::vector<unsigned char> env,
                                                    Progress progress) {
  bool first = unit->row.artefact.empty() && !unit->damaged;
  auto tell = [unit, first, progress](State state, const std::string& what) {
    if (first) {
      unit->state = state;
      unit->reason.clear();
      unit->changed.notify_all();
    }
    if (progress) progress(state, what);
  };
  auto made = co_await make(unit, spec, tell);
  if (!made) {
    // Who mends it hands another in.
    if (spec.zip && !made.error().retryable) co_await parts_.uploads.remove(spec.zip->kept);
    co_return std::move(made).error();
  }
  store::VersionRow version;
  version.number = unit->row.version;
  version.spec_json = spec_to_json(spec);
  version.env = std::move(env);
  version.artefact = made->tree.hash;
  version.built_json = entry_to_json(made->entry);
  version.made = parts_.clock.wall();
  const auto& has = unit->row;
  bool same = version.spec_json == has.spec_json && version.env == has.env &&
              version.artefact == has.artefact && version.built_json == has.built_json;
  if (!same) {
    store::ArtefactRow artefact{made->tree.hash, made->built->layer(), made->tree.bytes, version.made};
    LayerId fresh(random_hex(8));
    BRIG_CO_TRY(version.number, co_await parts_.table.keep(has.mesh, has.name, version, std::move(artefact),
                                                           made->built->session(), std::move(fresh)));
  }
  co_return row_with(*unit, std::move(version));
}

Result<void> Manager::may_update(const Unit& unit) {
  BRIG_CHECK(must_read(unit));
  if (!unit.spec.zip) return {};
  return Error{Code::conflict,
               "service " + quoted(unit.purpose(), 200) +
                   " came as a zip, of which there is nothing newer; deploy it again with another",
               "service: update", false};
}

net::Task<Result<std::unique_ptr<Upload>>> Manager::upload(session::Caller caller, std::string mesh) {
  BRIG_CO_CHECK(check_name("mesh", mesh));
  auto decision = decide(Operation::deploy, caller, mesh, nullptr, parts_.permissions.of(caller));
  if (decision.hidden()) co_return no_mesh(mesh);
  if (!decision.allowed()) co_return Error{Code::denied, std::move(decision.reason), "service", false};
  co_return co_await parts_.uploads.begin(caller.owner, std::move(mesh));
}

Result<void> Manager::check_update(const session::Caller& caller, const std::string& mesh,
                                   const std::string& name) {
  BRIG_TRY(auto unit, find(Operation::change, caller, mesh, name));
  BRIG_CHECK(may_update(*unit));
  return rates_.take(Operation::deploy, caller, mesh, parts_.clock.steady());
}

Result<void> Manager::check_restart(const session::Caller& caller, const std::string& mesh,
                                    const std::string& name) {
  BRIG_CHECK(find(Operation::change, caller, mesh, name));
  return rates_.take(Operation::deploy, caller, mesh, parts_.clock.steady());
}

Millis Manager::wait_to_deploy(const session::Caller& caller, const std::string& mesh) const {
  return rates_.wait(Operation::deploy, caller, mesh, parts_.clock.steady());
}

Millis Manager::wait_to_call(const session::Caller& caller, const std::string& mesh) const {
  return rates_.wait(Operation::call, caller, mesh, parts_.clock.steady());
}

net::Task<Result<View>> Manager::update(session::Caller caller, std::string mesh, std::string name,
                                        Progress progress) {
  BRIG_CO_TRY(auto unit, find(Operation::change, caller, mesh, name));
  auto work = deploy_steps(unit, std::nullopt, {}, std::move(progress));
  BRIG_CO_CHECK(co_await net::to_the_end(scope_, std::move(work)));
  co_return view_of(*unit, caller);
}

// What is begun goes on though whoever asked goes away.
net::Task<Result<View>> Manager::change(session::Caller caller, std::string mesh, std::string name,
                                        net::Task<Result<void>> (Manager::*steps)(UnitRef)) {
  BRIG_CO_TRY(auto unit, find(Operation::change, caller, mesh, name));
  auto work = (this->*steps)(unit);
  BRIG_CO_CHECK(co_await net::to_the_end(scope_, std::move(work)));
  co_return view_of(*unit, caller);
}

net::Task<Result<View>> Manager::restart(session::Caller caller, std::string mesh, std::string name) {
  return change(std::move(caller), std::move(mesh), std::move(name), &Manager::restart_steps);
}

net::Task<Result<void>> Manager::restart_steps(UnitRef unit) {
  auto turn = co_await take_turn(unit);
  if (unit->gone) co_return gone_meanwhile(unit->purpose());
  BRIG_CO_CHECK(must_read(*unit));
  BRIG_CO_CHECK(must_run(*unit));
  if (!unit->entry)
    co_return Error{Code::conflict,
                    "service " + quoted(unit->purpose(), 200) +
                        " was never built; `brig service update` tries that again",
                    "service", false};
  unit->row.wanted = kRunning;
  co_return co_await start(unit);
}

net::Task<Result<View>> Manager::stop(session::Caller caller, std::string mesh, std::string name) {
  return change(std::move(caller), std::move(mesh), std::move(name), &Manager::stop_steps);
}

net::Task<Result<void>> Manager::stop_steps(UnitRef unit) {
  auto turn = co_await take_turn(unit);
  if (unit->gone) co_return gone_meanwhile(unit->purpose());
  BRIG_CO_CHECK(must_read(*unit));
  BRIG_CO_CHECK(must_run(*unit));
  unit->row.wanted = kStopped;
  BRIG_CO_CHECK(co_await save(unit));
  co_await set_state(unit, State::stopped, "");
  unit->backoff.forgive();
  co_return co_await let_go(unit);
}

net::Task<Result<void>> Manager::remove(session::Caller caller, std::string mesh, std::string name) {
  BRIG_CO_TRY(auto unit, find(Operation::change, caller, mesh, name));
  auto work = remove_steps(unit);
  co_return co_await net::to_the_end(scope_, std::move(work));
}

net::Task<Result<View>> Manager::set_scope(session::Caller caller, std::string mesh, std::string name,
                                           Scope scope) {
  BRIG_CO_TRY(auto unit, find(Operation::change, caller, mesh, name));
  auto work = change_scope(unit, std::move(scope));
  BRIG_CO_CHECK(co_await net::to_the_end(scope_, std::move(work)));
  co_return view_of(*unit, caller);
}

net::Task<Result<void>> Manager::change_scope(UnitRef unit, Scope scope) {
  BRIG_CO_CHECK(co_await parts_.table.set_scope(unit->row.mesh, unit->row.name, to_json(scope)));
  log::info("service", {{"name", unit->purpose()}, {"scope", to_text(scope)}});
  unit->reach = std::move(scope);
  co_return Result<void>();
}

net::Task<Result<void>> Manager::remove_steps(UnitRef unit) {
  auto turn = co_await take_turn(unit);
  if (unit->gone) co_return Result<void>();
  unit->row.wanted = kRemoved;
  unit->state = State::stopped;
  unit->reason = "it is being removed";
  BRIG_CO_CHECK(co_await save(unit));
  BRIG_CO_CHECK(co_await let_go(unit));
  // Its home stays, for the next of its name; from now on as long as any other volume.
  auto home = co_await home_of(unit, false);
  if (home && !home->empty()) {
    auto let = co_await parts_.volumes.pin(unit->owner(), *home, false);
    if (!let) log::warn("a service's home stays pinned", {{"volume", *home}, {"error", let.error()}});
  }
  BRIG_CO_CHECK(co_await parts_.table.remove(unit->row.mesh, unit->row.name));
  unit->gone = true;
  units_.erase({unit->row.mesh, unit->row.name});
  unit->changed.notify_all();
  unit->logged.notify_all();
  parts_.gateway.changed(unit->row.mesh, unit->row.name);
  auto dropped = co_await parts_.hosting.drop_stray_layers();
  if (!dropped) log::warn("an artefact is left to reconciling", {{"error", dropped.error()}});
  co_return Result<void>();
}

}  // namespace brig::service
