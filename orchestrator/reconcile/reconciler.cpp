#include "reconcile/reconciler.hpp"

#include "core/log.hpp"
#include "net/scope.hpp"
#include "session/records.hpp"
#include "workspace/layers.hpp"
#include "workspace/mounter.hpp"

namespace brig::reconcile {
namespace {

constexpr std::size_t kAtOnce = 8;
constexpr Millis kSettle{200};  // hints come in bursts

Phase phase_of(const std::string& phase) {
  if (phase == session::kRemoving) return Phase::removing;
  switch (session::state_of(phase)) {
    case session::State::preparing:
      return Phase::preparing;
    case session::State::starting:
      return Phase::starting;
    case session::State::running:
      return Phase::running;
    case session::State::paused:
      return Phase::paused;
    case session::State::ending:
      return Phase::ending;
    case session::State::ended:
      return Phase::ended;
  }
  return Phase::ending;
}

struct Remains {
  std::set<SessionId> mounted;
  std::set<SessionId> directories;
  std::set<LayerId> layers;
};

Result<Remains> look_at_disk(const StatePaths& paths) {
  Remains remains;
  auto sessions = paths.sessions();
  BRIG_TRY(remains.layers, workspace::list_layers(paths));
  BRIG_TRY(auto mounts, workspace::list_mounts(sessions));
  for (const auto& path : mounts) {
    auto name = path.filename().string();
    if (is_session_id(name)) remains.mounted.insert(SessionId(name));
  }
  std::error_code ec;
  for (const auto& entry : std::filesystem::directory_iterator(sessions, ec)) {
    auto name = entry.path().filename().string();
    if (is_session_id(name)) remains.directories.insert(SessionId(name));
  }
  if (ec && ec != std::errc::no_such_file_or_directory) {
    return errno_error(ec.value(), "cannot list " + sessions.string(), "reconcile");
  }
  return remains;
}

std::string describe(const Action& action) {
  struct Visitor {
    std::string operator()(const Adopt& a) const { return "look after session " + a.id.str() + " again"; }
    std::string operator()(const Settle& a) const { return "freeze or thaw session " + a.id.str(); }
    std::string operator()(const Undo& a) const { return "take back session " + a.id.str(); }
    std::string operator()(const Conclude& a) const { return "conclude session " + a.id.str(); }
    std::string operator()(const Sweep& a) const { return "sweep up after session " + a.id.str(); }
    std::string operator()(const Forget& a) const { return "finish removing session " + a.id.str(); }
    std::string operator()(const DropContainer& a) const {
      return "remove container " + a.name + ", which came after session " + a.id.str() + " had gone";
    }
    std::string operator()(const DropRemains& a) const {
      return "drop what is left of session " + a.id.str();
    }
    std::string operator()(const DropLayer& a) const { return "drop layer " + a.id.str(); }
    std::string operator()(const ReportStranger& a) const {
      return "leave container " + a.container + " alone: it carries our label but is not in the ledger";
    }
  };
  return std::visit(Visitor{}, action);
}

}  // namespace

Reconciler::Reconciler(net::asio::any_io_executor executor, StatePaths paths, Parts parts)
    : executor_(executor), paths_(std::move(paths)), parts_(parts), hinted_(executor) {}

net::Task<Result<std::vector<Recorded>>> Reconciler::recorded() {
  BRIG_CO_TRY(auto rows, co_await parts_.table.list());
  std::vector<Recorded> out;
  for (const auto& row : rows) {
    bool live = parts_.sessions.is_live(row.id) || parts_.sessions.is_launching(row.id) ||
                parts_.sessions.is_asked(row.id);
    out.push_back({row.id, phase_of(row.phase), row.container_name, live, row.generation > 1,
                   row.remove_when_ended, parts_.sessions.is_left_behind(row.id)});
  }
  co_return out;
}

net::Task<Result<Observed>> Reconciler::observe() {
  Observed observed;
  BRIG_CO_TRY(auto containers, co_await parts_.containers.list());
  for (auto& container : containers) {
    observed.containers.push_back({container.id.str(), container.name, container.session, container.running,
                                   container.paused, container.ended});
  }
  auto look = [paths = paths_] { return look_at_disk(paths); };
  BRIG_CO_TRY(auto remains, co_await parts_.blocking.run(look));
  observed.mounted = std::move(remains.mounted);
  observed.directories = std::move(remains.directories);
  BRIG_CO_TRY(auto layers, co_await parts_.table.layers());
  for (const auto& id : remains.layers) {
    if (!layers.contains(id)) observed.stray_layers.insert(id);
  }
  co_return observed;
}

net::Task<Result<std::size_t>> Reconciler::once() {
  BRIG_CO_TRY(auto before, co_await recorded());
  BRIG_CO_TRY(auto observed, co_await observe());
  // Sessions that began while we looked have directories, and are not in `before`.
  BRIG_CO_TRY(auto after, co_await recorded());
  for (const auto& session : after) {
    observed.directories.erase(session.id);
    bool known = std::any_of(before.begin(), before.end(), [&](const auto& b) { return b.id == session.id; });
    if (known) continue;
    observed.mounted.erase(session.id);
    std::erase_if(observed.containers, [&](const auto& c) { return c.session == session.id; });
  }
  BRIG_CO_CHECK(co_await remember(before, observed));
  auto queue = std::make_shared<std::vector<Action>>(news(plan(before, observed)));
  auto count = queue->size();
  net::Scope scope(executor_, "reconcile");
  for (std::size_t i = 0; i < std::min(kAtOnce, count); ++i) scope.spawn(act(queue));
  co_await scope.join();
  co_return count;
}

// Adds those that are gone and have a container all the same.
net::Task<Result<void>> Reconciler::remember(std::vector<Recorded>& recorded, const Observed& observed) {
  std::set<SessionId> known;
  for (const auto& session : recorded) known.insert(session.id);
  for (const auto& container : observed.containers) {
    if (known.contains(container.session)) continue;
    BRIG_CO_TRY(auto name, co_await parts_.table.container_of_removed(container.session));
    if (name && known.insert(container.session).second)
      recorded.push_back({container.session, Phase::gone, *name});
  }
  co_return Result<void>();
}

// All but the strangers that were reported in an earlier round and have been there since.
std::vector<Action> Reconciler::news(std::vector<Action> actions) {
  std::set<std::string> strangers;
  std::erase_if(actions, [&](const Action& action) {
    auto* stranger = std::get_if<ReportStranger>(&action);
    return stranger && strangers.insert(stranger->container).second &&
           reported_.contains(stranger->container);
  });
  reported_ = std::move(strangers);
  return actions;
}

net::Task<void> Reconciler::act(std::shared_ptr<std::vector<Action>> queue) {
  while (!queue->empty()) {
    auto action = std::move(queue->back());
    queue->pop_back();
    auto text = describe(action);
    auto done = co_await apply(std::move(action));
    if (done) {
      log::info("reconciled", {{"action", text}});
    } else {
      log::warn("could not reconcile; will try again", {{"action", text}, {"error", done.error()}});
    }
  }
}

net::Task<Result<void>> Reconciler::apply(Action action) {
  auto& sessions = parts_.sessions;
  if (auto* a = std::get_if<Adopt>(&action))
    co_return co_await sessions.adopt(a->id, ContainerId(a->container));
  if (auto* a = std::get_if<Settle>(&action)) co_return co_await sessions.settle(a->id);
  if (auto* a = std::get_if<Undo>(&action)) co_return co_await sessions.forget(a->id);
  if (auto* a = std::get_if<Conclude>(&action)) co_return co_await sessions.look_for(a->id);
  if (auto* a = std::get_if<Sweep>(&action)) co_return co_await sessions.sweep(a->id);
  if (auto* a = std::get_if<Forget>(&action)) co_return co_await sessions.forget(a->id);
  if (auto* a = std::get_if<DropContainer>(&action))
    co_return co_await parts_.containers.remove(a->name, a->id);
  if (auto* a = std::get_if<DropLayer>(&action)) co_return co_await sessions.drop_layer(a->id);
  if (auto* a = std::get_if<DropRemains>(&action)) co_return co_await sessions.drop_remains(a->id);
  co_return Result<void>();
}

net::Task<void> Reconciler::run(Millis interval) {
  while (true) {
    if (!pending_) co_await hinted_.wait_until(Deadline::in(interval));
    co_await net::sleep_for(kSettle);
    pending_ = false;
    auto done = co_await once();
    if (!done) log::warn("cannot compare the ledger with the engine", {{"error", done.error()}});
  }
}

void Reconciler::hint() {
  pending_ = true;
  hinted_.notify_all();
}

}  // namespace brig::reconcile
