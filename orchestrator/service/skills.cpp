// Skills: deployed as services are, and never run.
#include <fcntl.h>

#include "core/log.hpp"
#include "core/text.hpp"
#include "service/spec.hpp"
#include "service/unit.hpp"
#include "session/git.hpp"

namespace brig::service {

net::Task<Result<Product>> Builds::make_skill(session::Caller owner, std::string purpose, Spec spec,
                                              Fetched fetched, Progress progress) {
  Product out;
  out.built = std::move(fetched.built);
  if (spec.directory) {
    auto host = builder(owner, std::move(purpose), session::kGitProvider);
    auto& create = host.create;
    create.project = spec.directory->path;
    owner.uid = spec.directory->uid;
    owner.gid = spec.directory->gid;
    create.env.push_back({"FOLDER", Secret(kFetched)});
    create.env.push_back({"FROM", Secret("/workspace")});
    create.env.push_back({"RUNTIME", Secret("none")});
    create.args = {"sh", "-c", kCopyScript, "build"};
    BRIG_CO_CHECK(co_await image_of(create.provider, progress));
    BRIG_CO_TRY(out.built, co_await hosting_.build(std::move(owner), std::move(host), nullptr));
  }
  auto take = [this, layer = out.built->layer()]() -> Result<Bundle> {
    BRIG_TRY(auto folder, open_built(layer, kFetched));
    return keep_bundle(paths_, layer, folder.get());
  };
  BRIG_CO_TRY(auto bundle, co_await blocking_.run(std::move(take)));
  out.tree = std::move(bundle.tree);
  out.entry.skill = std::move(bundle.card);
  out.entry.version = std::move(fetched.commit);
  co_return out;
}

Result<void> Manager::must_run(const Unit& unit) {
  if (!unit.spec.skill) return {};
  return Error{Code::conflict,
               "service " + quoted(unit.purpose(), 200) +
                   " is a skill: files, and nothing that runs; `brig service files` lists them",
               "service", false};
}

// From now on it is what sessions get that are started.
net::Task<Result<void>> Manager::install_skill(UnitRef unit, store::ServiceRow row) {
  auto old = unit->row.session;  // of a server that it takes the place of
  row.session = SessionId();
  row.server_json.clear();
  BRIG_CO_CHECK(co_await commit(unit, std::move(row)));
  if (!old.empty()) unit->leaving.insert(old);
  ++unit->epoch;
  auto server = std::exchange(unit->server, nullptr);
  unit->tools.clear();
  unit->listed.clear();
  unit->instructs = false;
  unit->backoff.forgive();
  co_await set_state(unit, State::ready, "");
  if (!old.empty()) scope_.spawn(retire(unit, std::move(server), old));
  co_return Result<void>();
}

std::vector<session::Skill> Manager::skills_for(const session::Caller& caller,
                                                const std::string& mesh) const {
  std::vector<session::Skill> out, others;
  for (auto it = units_.lower_bound({mesh, ""}); it != units_.end() && it->first.first == mesh; ++it) {
    const auto& unit = *it->second;
    auto target = unit.target();
    if (unit.spec.skill && unit.state == State::ready &&
        decide(Operation::see, caller, mesh, &target, parts_.permissions.of(caller)).allowed())
      (unit.row.owner == caller.owner ? out : others).push_back({unit.row.name, unit.layer});
  }
  out.insert(out.end(), others.begin(), others.end());
  return out;
}

Result<LayerId> Manager::bundle_of(const session::Caller& caller, const std::string& mesh,
                                   const std::string& name) const {
  BRIG_TRY(auto unit, find(Operation::see, caller, mesh, name));
  BRIG_CHECK(must_read(*unit));
  if (!unit->spec.skill)
    return Error{
        Code::conflict,
        "service " + quoted(unit->purpose(), 200) +
            " is no skill: it runs, and its files are its own; `brig service tools` lists what it does",
        "service", false};
  if (unit->state == State::ready) return unit->layer;
  bool told = !unit->reason.empty() && may_inspect(*unit, caller);
  return Error{Code::conflict,
               "skill " + quoted(name) + " is " + std::string(to_string(unit->state)) +
                   (told ? ": " + unit->reason : ""),
               "service", false};
}

net::Task<Result<std::vector<BundleFile>>> Manager::files(session::Caller caller, std::string mesh,
                                                          std::string name) {
  BRIG_CO_TRY(auto layer, bundle_of(caller, mesh, name));
  co_return co_await parts_.builds.bundles().list(std::move(layer));
}

net::Task<Result<std::unique_ptr<FileReader>>> Manager::open_file(session::Caller caller, std::string mesh,
                                                                  std::string name, std::string path) {
  BRIG_CO_TRY(auto layer, bundle_of(caller, mesh, name));
  co_return co_await parts_.builds.bundles().open(std::move(layer), std::move(path));
}

}  // namespace brig::service
