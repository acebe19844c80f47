// Workspaces that begin as a clone of a repository.
//
// Git runs in a sandbox of its own, never on the host: a session of the same owner with an empty workspace,
// no configuration, no variables of the caller's, one way out (to the URL's host and port) and bounds on disk
// and time. Whatever the repository holds runs there, or not at all: no hooks, no filters, no submodules.
// What it leaves in its layer becomes the lowest layer of the session that was asked for, where a project
// would be.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/log.hpp"
#include "core/random.hpp"
#include "core/text.hpp"
#include "session/builders.hpp"
#include "session/git.hpp"
#include "session/hosting.hpp"
#include "session/records.hpp"
#include "session/tenancy.hpp"

namespace brig::session {
namespace {

constexpr const char* kBuilderLabel = "brig.clone";  // nobody else can give a label of this name
constexpr Millis kCloneWithin = std::chrono::minutes(15);

// $1 the URL, $2 a branch or tag.
const std::string kScript = std::string(kCloneFunction) + R"sh(
clone ${2:+--branch="$2"} -- "$1" /workspace
)sh";

Error refuse(std::string message) {
  return {Code::invalid, std::move(message), "session: git", false};
}

// A layer that another session has taken over stays when the clone's goes.
net::Task<Result<void>> keep_layer(store::SessionTable& sessions, SessionId id) {
  BRIG_CO_TRY(auto rows, co_await sessions.list());
  auto own = std::find_if(rows.begin(), rows.end(), [&](const auto& row) { return row.id == id; });
  if (own == rows.end()) co_return Result<void>();
  bool taken = std::any_of(rows.begin(), rows.end(), [&](const auto& row) { return row.base == own->layer; });
  if (!taken) co_return Result<void>();
  co_return co_await sessions.restack(id, LayerId(random_hex(8)), {});
}

}  // namespace

net::Task<Result<View>> Manager::create_from_git(Caller caller, CreateSpec spec) {
  if (spec.project) co_return refuse("git and project exclude each other; say one");
  BRIG_CO_CHECK(may_change(caller));
  // What would be refused afterwards is refused before anything is cloned.
  BRIG_CO_TRY(auto image, co_await parts_.images.ready(spec.provider, spec.image));
  BRIG_CO_TRY(auto mesh, mesh_for(caller, spec.mesh));
  BRIG_CO_TRY(auto same, co_await parts_.sessions.named(caller.owner, spec.name));
  bool taken = std::any_of(same.begin(), same.end(), [&](const auto& row) { return row.mesh == mesh; });
  if (!spec.name.empty() && taken)
    co_return Error{Code::conflict,
                    "You have a session named " + quoted(spec.name) +
                        " already: choose another name, or remove it with `brig rm " + printable(spec.name) +
                        "`",
                    "session: git", false};
  auto git = *std::exchange(spec.git, std::nullopt);
  auto builder = std::make_unique<Builder>(*this);
  BRIG_CO_TRY(auto cloned, co_await clone(caller, spec, git, builder->id));
  BRIG_CO_TRY(auto prepared, co_await prepare(caller, std::move(spec)));
  BRIG_CO_CHECK(lend_skills(caller, prepared));
  prepared.row.frozen = {cloned.layer};
  prepared.row.base = cloned.layer;
  prepared.row.source = git.url + (git.ref.empty() ? "" : " " + git.ref);
  co_return co_await launch(std::move(prepared));
}

net::Task<Result<store::SessionRow>> Manager::clone(Caller caller, const CreateSpec& target, GitSource git,
                                                    SessionId& builder) {
  BRIG_CO_TRY(auto rule, way_to(git));
  CreateSpec spec;
  spec.provider = kGitProvider;
  spec.name = "clone-" + random_hex(4);
  spec.mesh = target.mesh;
  spec.request.limits.disk = target.request.limits.disk;
  spec.request.egress.allow = {rule};
  spec.args = {"sh", "-c", kScript, "clone", git.url, git.ref};
  spec.ttl = kCloneWithin;
  auto asked = spec.request.egress;
  BRIG_CO_TRY(auto prepared, co_await prepare(caller, std::move(spec)));
  keep_asked(prepared.egress, asked);
  prepared.row.labels_json = labels_to_json({{kBuilderLabel, git.url}});
  BRIG_CO_TRY(auto failed, co_await run_builder(std::move(caller), std::move(prepared), builder, nullptr));
  if (!failed) co_return co_await parts_.sessions.get(builder);
  co_return Error{Code::conflict,
                  "git could not clone " + quoted(git.url, 300) + *failed +
                      "; `brig egress test` and `brig policy explain` say what a sandbox may reach",
                  "session: git", false};
}

net::Task<void> Manager::end_builder(SessionId id) {
  if (auto live = find_live(id)) {
    Outcome stopped{Outcome::Kind::stopped, 0, 9, "nobody waits for what it makes any more"};
    live->stopping = stopped;
    (void)co_await end(live, stopped);
  }
  auto done = co_await keep_layer(parts_.sessions, id);
  if (done) done = co_await forget(id);
  if (!done)
    log::warn("a builder's sandbox is left to reconciling", {{"session", id.str()}, {"error", done.error()}});
}

net::Task<void> Manager::clear_builders() {
  auto rows = co_await parts_.sessions.list();
  if (!rows) co_return;
  for (const auto& row : *rows) {
    auto labels = labels_from_json(row.labels_json);
    if (!labels) continue;
    if (!labels->contains(kBuilderLabel) && !labels->contains(std::string(kBuildLabel))) continue;
    store::SessionChange change;
    change.phase = std::string(kRemoving);
    auto done = co_await keep_layer(parts_.sessions, row.id);
    if (done) done = co_await parts_.sessions.update(row.id, change);
    if (!done) log::warn("a builder's sandbox stays", {{"session", row.id.str()}, {"error", done.error()}});
  }
}

}  // namespace brig::session
