// From a prepared session to a running command.
#include "core/files.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "core/units.hpp"
#include "session/agent.hpp"
#include "session/directories.hpp"
#include "session/manager_state.hpp"
#include "session/records.hpp"
#include "session/tenancy.hpp"

namespace brig::session {
namespace {

constexpr Millis kConnectWithin{60'000};
constexpr Millis kSpawnWithin{30'000};

// Under gVisor every caller is its gofer: the link key, handed out before any workload exists, must do.
net::Task<Result<void>> check_peer(supervisor::Peer peer, std::shared_ptr<ContainerId> container,
                                   std::shared_ptr<pid_t> pid, bool kernel_knows) {
  if (kernel_knows) BRIG_CO_CHECK(supervisor::check_first_process(peer, *container));
  *pid = peer.pid;
  co_return Result<void>();
}

}  // namespace

net::Task<Result<View>> Manager::create(Caller caller, CreateSpec spec) {
  BRIG_CO_CHECK(check_image_of(caller, spec.image));
  spec.joins = true;
  if (spec.git) co_return co_await create_from_git(std::move(caller), std::move(spec));
  BRIG_CO_TRY(auto prepared, co_await prepare(caller, std::move(spec)));
  BRIG_CO_CHECK(lend_skills(caller, prepared));
  co_return co_await launch(std::move(prepared));
}

net::Task<Result<View>> Manager::launch(Prepared prepared) {
  auto launch = std::make_shared<Launch>(executor_, std::move(prepared));
  auto id = launch->prepared.row.id;
  BRIG_CO_CHECK(co_await await_launch(launch));
  // Until the caller has it, he may still go away.
  auto give_back = [this, id] { scope_.spawn(take_back(id)); };
  Claim claim{give_back};
  auto view = co_await read_view(id);
  auto state = co_await net::asio::this_coro::cancellation_state;
  if (state.cancelled() != net::asio::cancellation_type::none)
    co_return Error{Code::cancelled, "whoever asked for it went away", "session: launch", true};
  claim.taken = view.ok();
  co_return view;
}

net::Task<Result<void>> Manager::await_launch(std::shared_ptr<Launch> launch) {
  auto id = launch->prepared.row.id;
  auto begun = parts_.clock.steady();
  launching_.insert(id);
  scope_.spawn(run_launch(launch));
  auto abandon = [this, launch, id] {
    launch->abandoned = true;
    parts_.volumes.poke();
    if (launch->result && launch->result->ok()) scope_.spawn(take_back(id));
  };
  Claim claim{abandon};
  while (!launch->result) co_await launch->changed.wait();
  claim.taken = true;
  if (launch->result->ok()) {
    auto took = std::chrono::duration<double>(parts_.clock.steady() - begun);
    parts_.metrics
        .histogram("brig_session_start_seconds", "From a session's row in the ledger to its running command.",
                   {{"runtime", launch->prepared.row.runtime}})
        .observe(took.count());
  }
  co_return *launch->result;
}

net::Task<void> Manager::take_back(SessionId id) {
  Outcome abandoned{Outcome::Kind::stopped, 0, 9, "whoever asked for it went away"};
  if (auto live = find_live(id)) (void)co_await end(live, live->stopping.value_or(abandoned));
  auto done = co_await forget(id);
  if (!done)
    log::warn("an abandoned session is left to reconciling",
              {{"session", id.str()}, {"error", done.error()}});
}

net::Task<void> Manager::run_launch(std::shared_ptr<Launch> launch) {
  auto id = launch->prepared.row.id;
  auto result = co_await launch_steps(launch);
  if (!result) {
    log::warn("a session could not be started", {{"session", id.str()}, {"error", result.error()}});
    if (launch->live) {
      launch->live->ending = true;
      co_await parts_.doors.close(id);
      co_await launch->live->sandbox->close();
      live_.erase(id);
    }
    // What is still under way would bring back what is being taken away.
    while (launch->mounting) co_await launch->changed.wait();
    while (launch->starting) co_await launch->changed.wait();
    auto undone = Result<void>();
    if (launch->prepared.row.generation > 1) {
      auto why = result.error();
      undone = co_await fail_again(launch->prepared.row, std::move(why));
    } else {
      undone = co_await forget(id);
    }
    if (!undone)
      log::warn("what it left is left to reconciling", {{"session", id.str()}, {"error", undone.error()}});
  }
  launching_.erase(id);
  launch->result = result;
  launch->changed.notify_all();
  if (launch->abandoned && result) co_await take_back(id);
}

std::shared_ptr<Manager::Live> Manager::make_live(const store::SessionRow& row) {
  auto live = std::make_shared<Live>(executor_, row);
  Sandbox::Options options{row.id,  options_.paths, options_.output, {row.link_key, row.link_registered},
                           nullptr, &parts_.clock};
  bool kernel_knows = row.runtime != policy::to_string(policy::Runtime::runsc);
  options.check = [container = live->container, pid = live->supervisor_pid, kernel_knows](
                      supervisor::Peer peer) { return check_peer(peer, container, pid, kernel_knows); };
  live->sandbox =
      std::make_shared<Sandbox>(executor_, std::move(options), static_cast<Sandbox::Owner&>(*this));
  live_[row.id] = live;
  return live;
}

egress::Facts Manager::door_of(const Live& live) const {
  bool kernel_knows = live.row.runtime != policy::to_string(policy::Runtime::runsc);
  return {live.row.id,
          live.row.name,
          live.row.owner,
          live.row.mesh,
          live.row.project.value_or(""),
          {live.container, live.supervisor_pid, kernel_knows},
          endpoint_for(live.row)};
}

// Whom the ledger does not name is let in nowhere.
std::function<void(UniqueFd)> Manager::endpoint_for(const store::SessionRow& row) const {
  if (row.agent_json.empty()) return {};
  auto agent = agent_of(row);
  if (!agent) {
    log::warn("a session does not get the endpoint of its mesh",
              {{"session", row.id.str()}, {"error", agent.error()}});
    return {};
  }
  return [take = options_.meet_agent, agent = std::move(*agent)](UniqueFd end) {
    if (take) take(std::move(end), agent);
  };
}

net::Task<void> Manager::mount_workspace(std::shared_ptr<Launch> launch) {
  auto& prepared = launch->prepared;
  workspace::MountSpec spec;
  spec.session = options_.paths.session(prepared.row.id);
  spec.layer = options_.paths.layer(prepared.row.layer);
  for (const auto& layer : prepared.row.frozen) spec.frozen.push_back(options_.paths.layer(layer));
  spec.project = prepared.project.get();
  if (spec.project && prepared.policy.has_project_write()) spec.mode = workspace::Mode::direct;
  if (spec.project && prepared.policy.workspace == policy::Workspace::readonly)
    spec.mode = workspace::Mode::readonly;
  spec.uid = prepared.uid;
  spec.gid = prepared.gid;
  spec.disk_bytes = prepared.policy.limits.disk;
  auto mount = [this, spec] { return parts_.mounter.mount(spec); };
  launch->mount_result = co_await parts_.blocking.run(mount);
  launch->mounting = false;
  launch->changed.notify_all();
}

net::Task<void> Manager::start_container(std::shared_ptr<Launch> launch) {
  launch->start_result = co_await parts_.containers.start(*launch->live->container);
  launch->live->engine_knows = bool(launch->start_result);
  launch->starting = false;
  launch->live->changed.notify_all();
  launch->changed.notify_all();
}

net::Task<Result<void>> Manager::launch_steps(std::shared_ptr<Launch> launch) {
  auto& prepared = launch->prepared;
  auto id = prepared.row.id;
  if (prepared.row.generation > 1) {
    BRIG_CO_CHECK(co_await parts_.sessions.restart(prepared.row));
  } else {
    BRIG_CO_CHECK(co_await parts_.sessions.insert(prepared.row));
  }
  prepared.claim.drop();
  if (prepared.life) BRIG_CO_CHECK(co_await parts_.lives.put(*prepared.life));

  launch->live = make_live(prepared.row);
  auto live = launch->live;
  live->life = prepared.life;
  live->looked_at = parts_.clock.wall();
  Process::About about{1,
                       prepared.process.argv,
                       prepared.process.cwd,
                       prepared.process.terminal.has_value(),
                       prepared.process.stdin_open,
                       parts_.clock.wall()};
  store::ProcessRow process_row{
      id, 1, strings_to_json(about.argv), about.cwd, about.terminal, about.stdin_open, about.started, {}, {}};
  auto make = [this, launch]() -> Result<void> {
    const auto& made = launch->prepared;
    BRIG_CHECK(make_directories(options_.paths, made.row.id, made.hosts,
                                made.credentials.empty() ? options_.ca_bundle : std::string()));
    if (made.mesh_file.empty()) return {};
    return write_file(options_.paths.link_dir(made.row.id) / kMeshFileName, made.mesh_file, 0644, Sync::no);
  };
  BRIG_CO_CHECK(co_await parts_.blocking.run(make));
  if (!prepared.credentials.empty() || prepared.row.generation > 1) {
    BRIG_CO_TRY(auto authority, co_await parts_.doors.keep(id, prepared.credentials));
    auto trust = [this, id, authority] { return trust_authority(id, authority); };
    if (!authority.empty()) BRIG_CO_CHECK(co_await parts_.blocking.run(trust));
  }
  BRIG_CO_CHECK(co_await parts_.processes.put(process_row));
  if (prepared.row.generation > 1) {
    BRIG_CO_CHECK(co_await parts_.doors.reopen(door_of(*live)));  // with what was added and taken back since
  } else {
    BRIG_CO_CHECK(co_await parts_.doors.open(door_of(*live), prepared.egress));
  }
  BRIG_CO_CHECK(co_await furnish(launch));
  BRIG_CO_CHECK(live->sandbox->start());
  BRIG_CO_TRY(auto process, live->sandbox->add(about, false));

  // The engine makes the container while the kernel makes the workspace; only the start needs both.
  launch->mounting = true;
  scope_.spawn(mount_workspace(launch));
  BRIG_CO_TRY(*live->container, co_await parts_.containers.create(prepared.request));
  while (launch->mounting) co_await launch->changed.wait();
  BRIG_CO_CHECK(launch->mount_result);

  // The supervisor connects before the engine has said that it started.
  launch->starting = true;
  scope_.spawn(start_container(launch));
  auto deadline = Deadline::in(kConnectWithin);
  while (!live->sandbox->link().connected()) {
    if (!launch->start_result) co_return launch->start_result;
    if (!co_await live->changed.wait_until(deadline)) {
      co_return Error{Code::timeout,
                      "the sandbox was started, but its supervisor did not answer within " +
                          format_duration(kConnectWithin) + "; `brig doctor` looks for the usual causes",
                      "session", true};
    }
  }
  store::SessionChange registered;
  registered.phase = to_string(State::starting);
  registered.container_id = live->container->str();
  registered.link_registered = true;
  BRIG_CO_CHECK(co_await parts_.sessions.update(id, registered));

  if (!prepared.last_argument.empty())
    prepared.process.argv.emplace_back(std::exchange(prepared.last_argument, {}).reveal());
  BRIG_CO_TRY(auto spawned,
              co_await live->sandbox->spawn(1, std::move(prepared.process), Deadline::in(kSpawnWithin)));
  if (!spawned.started) {
    supervisor::ProcessSpec said;
    said.argv = about.argv;
    said.cwd = about.cwd;
    co_return Error{spawned.exit_code() == 127 ? Code::not_found : Code::invalid, spawned.message(said),
                    "spawn", false};
  }
  store::SessionChange running;
  running.phase = to_string(State::running);
  running.started = parts_.clock.wall();
  live->looked_at = *running.started;
  if (live->life) live->life->active = *running.started;
  co_return co_await parts_.sessions.update(id, running);
}

}  // namespace brig::session
