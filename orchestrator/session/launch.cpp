// From a request to a running command.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/files.hpp"
#include "core/log.hpp"
#include "core/random.hpp"
#include "core/text.hpp"
#include "core/units.hpp"
#include "policy/verify.hpp"
#include "session/manager_state.hpp"
#include "session/records.hpp"

namespace brig::session {
namespace {

constexpr Millis kConnectWithin{60'000};
constexpr Millis kSpawnWithin{30'000};

std::vector<std::string> command_of(const image::Provider& provider, const std::vector<std::string>& args) {
  if (args.empty() && !provider.command_when_empty.empty()) return provider.command_when_empty;
  if (provider.args_are_command) return args;
  std::vector<std::string> argv{provider.binary};
  argv.insert(argv.end(), provider.default_args.begin(), provider.default_args.end());
  argv.insert(argv.end(), args.begin(), args.end());
  return argv;
}

Result<void> check_spec(const CreateSpec& spec) {
  if (!spec.name.empty()) BRIG_CHECK(check_name("session name", spec.name));
  for (const auto& [key, value] : spec.labels) {
    BRIG_CHECK(check_label_key("label", key));
    if (key.starts_with("brig.")) {
      return Error{Code::invalid,
                   "label " + quoted(key) + " begins with 'brig.', which is Brig's own; choose another",
                   "session", false};
    }
    if (value.size() > 1024) {
      return Error{Code::invalid, "the value of label " + quoted(key) + " is over 1024 bytes; shorten it",
                   "session", false};
    }
  }
  for (const auto& variable : spec.env) BRIG_CHECK(check_env_name("environment variable", variable.name));
  return {};
}

// The effective policy, written as the request that asks for exactly it.
std::string policy_text(const policy::Effective& effective) {
  policy::Request request{effective.runtime, effective.workspace, {}, effective.grants};
  const auto& has = effective.limits;
  request.limits = {has.memory, has.milli_cpus, has.pids, has.nofile, has.disk,
                    has.tmp,    has.home,       has.run,  has.shm,    has.oom_score_adj};
  return policy::to_json(request).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// What verify() is told, from the inputs and not from what compile() made of them.
policy::Expectations expectations(const policy::Effective& effective, const policy::Facts& facts,
                                  const policy::Ceiling& ceiling) {
  policy::Expectations expect;
  expect.image = facts.image.str();
  auto runtime = facts.runtime_names.find(effective.runtime);
  expect.runtime = runtime != facts.runtime_names.end() ? runtime->second
                                                        : std::string(policy::to_string(effective.runtime));
  expect.labels = {{policy::kLabelInstallation, facts.installation},
                   {policy::kLabelSession, facts.session.str()},
                   {policy::kLabelOwner, facts.owner},
                   {policy::kLabelGeneration, std::to_string(facts.generation)},
                   {policy::kLabelPolicy, policy::policy_hash(effective)}};
  expect.mounts.push_back({facts.link_dir, "/run/brig", false});
  expect.mounts.push_back(
      {facts.workspace_dir, "/workspace", effective.workspace != policy::Workspace::readonly});
  for (const auto& mount : effective.mounts()) {
    auto real = facts.real_path.find(mount.source);
    expect.mounts.push_back(
        {real == facts.real_path.end() ? mount.source : real->second, mount.target, mount.writable});
  }
  expect.hosts_file = facts.hosts_file;
  if (!facts.hosts_file.empty()) expect.mounts.push_back({facts.hosts_file, "/etc/hosts", false});
  expect.link_dir = facts.link_dir;
  expect.workspace_dir = facts.workspace_dir;
  expect.state_dir = facts.state_dir;
  expect.engine_sockets = facts.engine_sockets;
  expect.ptrace = effective.has_ptrace();
  for (const auto& grant : effective.grants) {
    if (auto* calls = std::get_if<policy::GrantSyscalls>(&grant)) expect.granted_syscalls = calls->names;
  }
  expect.max_memory = ceiling.limits.memory.value_or(0);
  expect.max_milli_cpus = ceiling.limits.milli_cpus.value_or(0);
  expect.max_pids = ceiling.limits.pids.value_or(0);
  expect.max_nofile = ceiling.limits.nofile.value_or(0);
  expect.min_oom_score_adj = static_cast<int>(ceiling.limits.oom_score_adj.value_or(0));
  return expect;
}

Result<void> must_verify(const policy::CreateRequest& request, const policy::Expectations& expect) {
  auto violations = policy::verify(request.body, expect);
  if (violations.empty()) return {};
  for (const auto& violation : violations) {
    log::error("a container request failed its second reading",
               {{"at", violation.where}, {"what", violation.what}});
  }
  return Error{Code::internal,
               "the container request was refused by its second reading: " + violations[0].where + ": " +
                   violations[0].what + "; nothing was sent to the engine",
               "policy", false};
}

}  // namespace

namespace {

// Under gVisor every caller is its gofer: the link key, handed out before any workload exists, must do.
net::Task<Result<void>> check_peer(supervisor::Peer peer, std::shared_ptr<ContainerId> container,
                                   std::shared_ptr<pid_t> pid, bool kernel_knows) {
  if (kernel_knows) BRIG_CO_CHECK(supervisor::check_first_process(peer, *container));
  *pid = peer.pid;
  co_return Result<void>();
}

}  // namespace

net::Task<Result<Manager::Prepared>> Manager::prepare(Caller caller, CreateSpec spec) {
  BRIG_CO_CHECK(may_change(caller));
  BRIG_CO_CHECK(check_spec(spec));
  if (live_.size() + launching_.size() >= options_.max_sessions) {
    co_return Error{Code::exhausted,
                    "there are " + std::to_string(options_.max_sessions) +
                        " sessions already; end some with `brig stop`, or raise limits.max_sessions",
                    "session", true};
  }
  Prepared out;
  BRIG_CO_TRY(out.provider, parts_.images.provider(spec.provider));
  auto profile = spec.profile.empty() ? out.provider.profile : spec.profile;
  BRIG_CO_TRY(const policy::Profile* found, parts_.policies.find(profile));
  BRIG_CO_TRY(out.policy, parts_.policies.resolve(found->name, spec.request));
  BRIG_CO_TRY(out.image, co_await parts_.images.ready(spec.provider));

  if (spec.project) {
    std::optional<workspace::Identity> identity;
    if (caller.uid) identity = workspace::identity_of(*caller.uid, caller.gid.value_or(*caller.uid));
    if (!caller.uid && caller.role != Caller::Role::admin) {
      co_return Error{
          Code::denied,
          "a project on this host can be named by callers on the unix socket and by admin tokens only; "
          "start with an empty workspace instead",
          "session", false};
    }
    auto open = [path = *spec.project, identity, forbidden = options_.forbidden] {
      return workspace::open_project(path, identity, forbidden);
    };
    BRIG_CO_TRY(workspace::Project project, co_await parts_.blocking.run(open));
    out.project = std::make_shared<workspace::Project>(std::move(project));
  } else if (caller.uid && *caller.uid != 0) {
    out.uid = *caller.uid;
    out.gid = caller.gid.value_or(*caller.uid);
  }

  SessionId id(random_hex(8));
  BRIG_CO_TRY(auto engine, co_await parts_.containers.facts());
  policy::Facts facts;
  facts.container_name = "brig-" + options_.installation.substr(0, 8) + "-" + id.str();
  facts.installation = options_.installation;
  facts.session = id;
  facts.owner = caller.owner;
  facts.generation = 1;
  facts.hostname = spec.name.empty() ? "brig" : spec.name;
  std::replace(facts.hostname.begin(), facts.hostname.end(), '_', '-');
  facts.image = out.image.id;
  facts.image_volumes = out.image.volumes;
  facts.image_label_keys = out.image.label_keys;
  facts.link_dir = options_.paths.link_dir(id).string();
  facts.workspace_dir = options_.paths.workspace(id).string();
  facts.hosts_file = options_.paths.hosts(id).string();
  facts.state_dir = options_.paths.root().string();
  facts.engine_sockets = options_.engine_sockets;
  for (const auto& mount : out.policy.mounts()) {
    std::error_code ec;
    auto real = std::filesystem::canonical(mount.source, ec);
    if (ec) {
      co_return Error{
          Code::invalid,
          "mount " + quoted(mount.source) + " is granted but cannot be found on this host: " + ec.message(),
          "session", false};
    }
    policy::GrantMount resolved = mount;
    resolved.source = real.string();
    if (!policy::allows(parts_.policies.ceiling(), resolved)) {
      co_return Error{Code::denied,
                      "mount " + quoted(mount.source) + " leads to " + quoted(real.string()) +
                          ", which the ceiling does not allow",
                      "session", false};
    }
    facts.real_path[mount.source] = real.string();
  }
  facts.engine_runtimes = engine.runtimes;
  facts.engine_cgroup = engine.cgroup;
  out.hosts = policy::hosts_text(facts.hostname);
  BRIG_CO_TRY(out.request, policy::compile(out.policy, facts));
  BRIG_CO_CHECK(must_verify(out.request, expectations(out.policy, facts, parts_.policies.ceiling())));

  out.process.argv = command_of(out.provider, spec.args);
  out.process.terminal = spec.terminal;
  out.process.stdin_open = spec.stdin_open;
  out.process.env = environment(out.provider.env, std::move(spec.env), id, spec.terminal.has_value());

  auto& row = out.row;
  row.id = id;
  row.name = spec.name.empty() ? random_name() : spec.name;
  row.owner = caller.owner;
  row.phase = to_string(State::preparing);
  row.provider = spec.provider;
  row.image_tag = out.image.tag;
  row.image_id = out.image.id.str();
  row.profile = found->name;
  row.runtime = policy::to_string(out.policy.runtime);
  row.policy_json = policy_text(out.policy);
  row.policy_hash = policy::policy_hash(out.policy);
  if (out.project) row.project = out.project->path.string();
  row.container_name = facts.container_name;
  auto key = supervisor::new_link_key();
  row.link_key = key;
  row.labels_json = labels_to_json(spec.labels);
  row.remove_when_ended = spec.remove_when_ended;
  row.created = parts_.clock.wall();
  co_return out;
}

std::vector<EnvVar> Manager::environment(const std::map<std::string, std::string>& provider,
                                         std::vector<EnvVar> caller, const SessionId& id,
                                         bool terminal) const {
  std::map<std::string, Secret> env;
  auto set = [&](const std::string& name, std::string_view value) { env[name] = Secret(value); };
  set("HOME", "/home/agent");
  set("USER", "agent");
  set("LOGNAME", "agent");
  set("LANG", "C.UTF-8");
  set("TMPDIR", "/tmp");
  set("XDG_RUNTIME_DIR", "/run/user/1000");
  set("BRIG_SESSION", id.str());
  if (terminal) set("TERM", "xterm-256color");
  for (const auto& [name, value] : options_.extra_env) set(name, value);
  for (const auto& [name, value] : provider) set(name, value);
  for (auto& variable : caller) env[variable.name] = std::move(variable.value);
  std::vector<EnvVar> out;
  for (auto& [name, value] : env) out.push_back({name, std::move(value)});
  return out;
}

namespace {

// The caller's claim to the answer: if it unwinds before it took it, the session is nobody's.
template <class Launch>
struct Claim {
  std::shared_ptr<Launch> launch;
  std::function<void()> abandon;
  bool taken = false;
  ~Claim() {
    if (!taken) abandon();
  }
};

}  // namespace

net::Task<Result<View>> Manager::create(Caller caller, CreateSpec spec) {
  BRIG_CO_TRY(auto prepared, co_await prepare(caller, std::move(spec)));
  auto id = prepared.row.id;
  auto launch = std::make_shared<Launch>(executor_, std::move(prepared));
  launching_.insert(id);
  scope_.spawn(run_launch(launch));
  auto abandon = [this, launch, id] {
    launch->abandoned = true;
    if (launch->result && launch->result->ok()) scope_.spawn(take_back(id));
  };
  Claim<Launch> claim{launch, abandon};
  while (!launch->result) co_await launch->changed.wait();
  claim.taken = true;
  BRIG_CO_CHECK(*launch->result);
  BRIG_CO_TRY(auto row, co_await parts_.sessions.get(id));
  co_return co_await full_view(std::move(row));
}

net::Task<void> Manager::take_back(SessionId id) {
  Outcome abandoned{Outcome::Kind::stopped, 0, 9, "whoever asked for it went away"};
  if (auto live = find_live(id)) (void)co_await end(live, abandoned);
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
      co_await launch->live->sandbox->close();
      live_.erase(id);
    }
    // What is still under way would bring back what is being taken away.
    while (launch->mounting) co_await launch->changed.wait();
    while (launch->starting) co_await launch->changed.wait();
    auto undone = co_await forget(id);
    if (!undone)
      log::warn("what it left is left to reconciling", {{"session", id.str()}, {"error", undone.error()}});
  }
  launching_.erase(id);
  launch->result = result;
  launch->changed.notify_all();
  if (launch->abandoned && result) co_await take_back(id);
}

Result<void> Manager::make_directories(const SessionId& id, const std::string& hosts) const {
  const auto& paths = options_.paths;
  auto make = [](const std::filesystem::path& path, mode_t mode) -> Result<void> {
    // chmod as well: the umask of a service that keeps secrets is tight.
    if ((::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) || ::chmod(path.c_str(), mode) != 0) {
      return errno_error(errno, "cannot make " + quoted(path.native(), 256), "session");
    }
    return {};
  };
  BRIG_CHECK(make(paths.session(id), 0711));
  BRIG_CHECK(make(paths.link_dir(id), 0755));
  BRIG_CHECK(make(paths.workspace(id), 0755));
  BRIG_CHECK(make(paths.session(id) / "out", 0700));
  BRIG_CHECK(write_file(paths.hosts(id), hosts, 0644));
  if (::link(paths.init_binary().c_str(), paths.link_init(id).c_str()) != 0 && errno != EEXIST) {
    return errno_error(errno, "cannot link the supervisor into " + quoted(paths.link_dir(id).native(), 256),
                       "session");
  }
  if (!options_.ca_bundle.empty()) {
    BRIG_TRY(std::string bundle, read_file(options_.ca_bundle, 8 << 20));
    BRIG_CHECK(write_file(paths.link_dir(id) / "ca.crt", bundle, 0644));
  }
  return {};
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

net::Task<void> Manager::mount_workspace(std::shared_ptr<Launch> launch) {
  auto& prepared = launch->prepared;
  workspace::MountSpec spec{options_.paths.session(prepared.row.id), prepared.project.get(), prepared.uid,
                            prepared.gid, prepared.policy.limits.disk};
  auto mount = [this, spec] { return parts_.mounter.mount(spec); };
  launch->mount_result = co_await parts_.blocking.run(mount);
  launch->mounting = false;
  launch->changed.notify_all();
}

net::Task<void> Manager::start_container(std::shared_ptr<Launch> launch) {
  launch->start_result = co_await parts_.containers.start(*launch->live->container);
  launch->starting = false;
  launch->live->changed.notify_all();
  launch->changed.notify_all();
}

net::Task<Result<void>> Manager::launch_steps(std::shared_ptr<Launch> launch) {
  auto& prepared = launch->prepared;
  auto id = prepared.row.id;
  BRIG_CO_CHECK(co_await parts_.sessions.insert(prepared.row));

  launch->live = make_live(prepared.row);
  auto live = launch->live;
  Process::About about{1,
                       prepared.process.argv,
                       prepared.process.cwd,
                       prepared.process.terminal.has_value(),
                       prepared.process.stdin_open,
                       parts_.clock.wall()};
  store::ProcessRow process_row{
      id, 1, strings_to_json(about.argv), about.cwd, about.terminal, about.stdin_open, about.started, {}, {}};
  BRIG_CO_CHECK(make_directories(id, prepared.hosts));
  BRIG_CO_CHECK(co_await parts_.processes.put(process_row));
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

  auto argv0 = prepared.process.argv[0];
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
  co_return co_await parts_.sessions.update(id, running);
}

}  // namespace brig::session
