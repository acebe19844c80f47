#include "session/engine_containers.hpp"

#include "core/text.hpp"

namespace brig::session {
namespace {

constexpr Millis kRemovedWithin{30'000};

SessionId session_label(const std::map<std::string, std::string>& labels) {
  auto it = labels.find(policy::kLabelSession);
  return it != labels.end() && is_session_id(it->second) ? SessionId(it->second) : SessionId();
}

}  // namespace

net::Task<Result<EngineFacts>> EngineContainers::facts() {
  if (facts_) co_return *facts_;
  BRIG_CO_TRY(auto info, co_await engine_.system().info());
  facts_ = EngineFacts{info.runtimes, info.cgroup_version};
  co_return *facts_;
}

net::Task<Result<ContainerId>> EngineContainers::create(policy::CreateRequest request) {
  docker::CreateOptions options{request.name, request.body, ""};
  BRIG_CO_TRY(auto created, co_await engine_.containers().create(std::move(options)));
  co_return created.id;
}

net::Task<Result<void>> EngineContainers::start(ContainerId id) {
  BRIG_CO_CHECK(co_await engine_.containers().start(id.str()));
  co_return Result<void>();
}

net::Task<Result<void>> EngineContainers::freeze(std::string name, bool paused) {
  Result<void> done;
  if (paused) {
    done = co_await engine_.containers().pause(name);
  } else {
    done = co_await engine_.containers().unpause(name);
  }
  if (done) co_return done;
  // Engines say that it is so already in sentences and codes of their own.
  auto now = co_await inspect(name);
  if (now && now->running && now->paused == paused) co_return Result<void>();
  co_return done;
}

net::Task<Result<void>> EngineContainers::pause(std::string name) {
  co_return co_await freeze(std::move(name), true);
}

net::Task<Result<void>> EngineContainers::unpause(std::string name) {
  co_return co_await freeze(std::move(name), false);
}

net::Task<Result<ContainerState>> EngineContainers::inspect(std::string ref) {
  BRIG_CO_TRY(auto info, co_await engine_.containers().inspect(std::move(ref)));
  co_return ContainerState{
      info.id,          info.name, session_label(info.labels), info.state.running, info.state.oom_killed,
      info.state.paused};
}

net::Task<Result<void>> EngineContainers::remove(std::string name, SessionId session) {
  auto found = co_await inspect(name);
  if (!found) {
    if (found.error().code == Code::not_found) co_return Result<void>();
    co_return std::move(found).error();
  }
  if (found->session != session) {
    co_return Error{
        Code::conflict,
        "container " + quoted(name) + " is not Brig's, though it has a name of Brig's; it is left alone",
        "session", false};
  }
  docker::Containers::RemoveOptions options;
  options.force = true;
  options.volumes = true;
  auto removed = co_await engine_.containers().remove(found->id.str(), options);
  if (!removed && removed.error().code == Code::not_found) co_return Result<void>();
  if (removed || removed.error().code != Code::conflict) co_return removed;
  // "removal is already in progress", for another call of ours or for a brigd that was killed: it counts once
  // it is done.
  auto deadline = Deadline::in(kRemovedWithin);
  auto wait = co_await engine_.containers().wait(found->id.str(), docker::WaitFor::removed, deadline);
  if (wait) (void)co_await (*wait)->result(deadline);
  auto left = co_await inspect(found->id.str());
  if (!left && left.error().code == Code::not_found) co_return Result<void>();
  co_return removed;
}

net::Task<Result<std::vector<ContainerState>>> EngineContainers::list() {
  docker::ContainerFilter filter;
  filter.labels = {std::string(policy::kLabelInstallation) + "=" + installation_};
  BRIG_CO_TRY(auto summaries, co_await engine_.containers().list(std::move(filter)));
  std::vector<ContainerState> out;
  for (auto& summary : summaries) {
    bool running = summary.status == docker::ContainerStatus::running ||
                   summary.status == docker::ContainerStatus::paused;
    out.push_back({summary.id, summary.name, session_label(summary.labels), running, false,
                   summary.status == docker::ContainerStatus::paused,
                   summary.status == docker::ContainerStatus::exited ||
                       summary.status == docker::ContainerStatus::dead});
  }
  co_return out;
}

}  // namespace brig::session
