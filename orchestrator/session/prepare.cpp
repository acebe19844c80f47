// From a request to a container request that passed its second reading, and a row for the ledger.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/random.hpp"
#include "core/text.hpp"
#include "image/reference.hpp"
#include "session/agent.hpp"
#include "session/container_request.hpp"
#include "session/furnish.hpp"
#include "session/manager_state.hpp"
#include "session/records.hpp"
#include "session/tenancy.hpp"

namespace brig::session {
namespace {

std::vector<std::string> command_of(const image::Provider& provider, const std::vector<std::string>& args,
                                    bool joins) {
  if (args.empty() && !provider.command_when_empty.empty()) return provider.command_when_empty;
  if (provider.args_are_command) return args;
  std::vector<std::string> argv{provider.binary};
  argv.insert(argv.end(), provider.default_args.begin(), provider.default_args.end());
  if (joins) {
    for (auto& arg : mesh_args(provider)) argv.push_back(std::move(arg));
  }
  argv.insert(argv.end(), args.begin(), args.end());
  return argv;
}

// A host names the CLI by where it stands there; inside it is the bare name that the image's PATH resolves.
Result<void> check_binary(const image::Provider& provider, const std::string& binary) {
  if (binary.empty() || binary == provider.binary || binary.front() == '/') return {};
  return Error{Code::invalid,
               "binary " + quoted(binary) + " is neither " + quoted(provider.binary) + ", as provider " +
                   quoted(provider.id.str()) +
                   " calls it, nor a path of a host, which would be rewritten to that",
               "session", false};
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
  if (!spec.image.empty()) BRIG_CHECK(image::check_image_reference("image", spec.image));
  BRIG_CHECK(check_mounts(spec.volumes));
  return check_overlays(spec.overlays);
}

// The effective policy, written as the request that asks for exactly it.
std::string policy_text(const policy::Effective& effective) {
  policy::Request request{effective.runtime, effective.workspace, {}, effective.grants, effective.egress};
  const auto& has = effective.limits;
  request.limits = {has.memory, has.milli_cpus, has.pids, has.nofile, has.disk,
                    has.tmp,    has.home,       has.run,  has.shm,    has.oom_score_adj};
  return policy::to_json(request).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

net::Task<Result<Quotas::Claim>> Manager::claim(std::string owner, Quotas::Ask ask) {
  auto claim = quotas_.claim(owner, ask);
  const auto& quota = quotas_.of(owner);
  if (quota.sessions == 0 && quota.memory == 0 && quota.disk == 0) co_return claim;
  BRIG_CO_TRY(auto rows, co_await parts_.sessions.list());
  BRIG_CO_CHECK(quotas_.check(claim, rows));
  co_return claim;
}

net::Task<Result<Manager::Prepared>> Manager::prepare(Caller caller, CreateSpec spec, const Origin* origin) {
  BRIG_CO_CHECK(may_change(caller));
  BRIG_CO_CHECK(check_spec(spec));
  BRIG_CO_TRY(auto mesh, mesh_for(caller, spec.mesh));
  if (live_.size() + launching_.size() >= options_.max_sessions) {
    co_return Error{Code::exhausted,
                    "there are " + std::to_string(options_.max_sessions) +
                        " sessions already; end some with `brig stop`, or raise limits.max_sessions",
                    "session", true};
  }
  Prepared out;
  BRIG_CO_TRY(out.provider, parts_.images.provider(spec.provider));
  BRIG_CO_CHECK(check_binary(out.provider, spec.binary));
  auto profile = spec.profile.empty() ? out.provider.profile : spec.profile;
  BRIG_CO_TRY(const policy::Profile* found, parts_.policies.find(profile));
  BRIG_CO_TRY(out.policy, parts_.policies.resolve(found->name, spec.request));
  BRIG_CO_TRY(out.image, co_await parts_.images.ready(spec.provider, spec.image));
  const auto* again = origin && origin->again ? &*origin->again : nullptr;
  auto holder =
      again ? provider::holder_of(again->owner, again->mesh) : provider::holder_of(caller.owner, mesh);
  BRIG_CO_TRY(auto provider_env, co_await choose_identity(std::move(holder), spec, out));
  auto id = again ? again->id : SessionId(random_hex(8));
  vault::Scope scope{again ? again->owner : caller.owner, again ? again->mesh : mesh};
  BRIG_CO_CHECK(co_await equip(std::move(scope), std::move(spec.credentials), out, provider_env));
  bool joins = again ? !again->agent_json.empty() : spec.joins && !mesh.empty();
  if (joins) {
    add_mesh_env(out.provider, provider_env);
    out.mesh_file = mesh_file(out.provider);
  }
  const auto& owner = again ? again->owner : caller.owner;
  BRIG_CO_CHECK(quotas_.start(owner));
  Quotas::Ask ask{id, out.policy.limits.memory, out.policy.limits.disk};
  BRIG_CO_TRY(out.claim, co_await claim(owner, ask));

  if (spec.project) {
    std::optional<workspace::Identity> identity;
    if (caller.uid) identity = workspace::identity_of(*caller.uid, caller.gid.value_or(*caller.uid));
    if (!is_of_host(caller)) {
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
  } else if (out.policy.has_project_write()) {
    co_return Error{
        Code::invalid,
        "grants.project_write makes the project itself writable, but the workspace is empty; name a "
        "project, or leave out the grant",
        "session", false};
  } else if (caller.uid && *caller.uid != 0) {
    out.uid = *caller.uid;
    out.gid = caller.gid.value_or(*caller.uid);
  }

  egress::Beginning beginning{owner,         out.project ? out.project->path.string() : "",
                              spec.provider, out.provider.egress_hosts,
                              found,         out.policy.egress};
  BRIG_CO_TRY(out.egress, co_await parts_.doors.plan(std::move(beginning)));

  auto name = again ? again->name : spec.name;
  auto generation = again ? again->generation + 1 : 1;
  BRIG_CO_TRY(auto engine, co_await parts_.containers.facts());
  policy::Facts facts;
  facts.container_name = "brig-" + options_.installation.substr(0, 8) + "-" + id.str();
  facts.installation = options_.installation;
  facts.session = id;
  facts.owner = owner;
  facts.generation = generation;
  facts.hostname = name.empty() ? "brig" : name;
  std::replace(facts.hostname.begin(), facts.hostname.end(), '_', '-');
  facts.image = out.image.id;
  facts.image_volumes = out.image.volumes;
  facts.image_label_keys = out.image.label_keys;
  facts.link_dir = options_.paths.link_dir(id).string();
  facts.workspace_dir = options_.paths.workspace(id).string();
  facts.hosts_file = options_.paths.hosts(id).string();
  facts.resolv_file = options_.paths.resolv(id).string();
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
  BRIG_CO_TRY(out.request, container_request(out.policy, facts, parts_.policies.ceiling()));
  out.facts = std::move(facts);

  out.process.argv = origin ? origin->argv : command_of(out.provider, spec.args, joins);
  if (origin && !joins) drop_mesh_args(out.provider, out.process.argv);
  out.process.terminal = spec.terminal;
  out.process.stdin_open = spec.stdin_open;
  out.process.env = environment(provider_env, std::move(spec.env), id, spec.terminal.has_value());
  out.overlays = std::move(spec.overlays);

  auto& row = out.row;
  row.id = id;
  row.name = name.empty() ? random_name() : name;
  row.owner = owner;
  row.generation = generation;
  row.mesh = again ? again->mesh : mesh;
  row.phase = to_string(State::preparing);
  row.provider = spec.provider;
  row.image_tag = out.image.tag;
  row.image_id = out.image.id.str();
  row.profile = found->name;
  row.runtime = policy::to_string(out.policy.runtime);
  row.policy_json = policy_text(out.policy);
  row.policy_hash = policy::policy_hash(out.policy);
  if (out.project) row.project = out.project->path.string();
  row.layer = LayerId(random_hex(8));
  row.container_name = out.facts.container_name;
  auto key = supervisor::new_link_key();
  row.link_key = key;
  row.labels_json = labels_to_json(spec.labels);
  row.identity = out.identity.label;
  row.identity_id = out.identity.id;
  row.provider_env = labels_to_json(provider_env);
  row.volumes_json = mounts_to_json(spec.volumes);
  BRIG_CO_CHECK(co_await choose_volumes(row, spec.volumes, out));
  if (joins) row.agent_json = again ? again->agent_json : agent_to_json(caller, mesh);
  row.remove_when_ended = spec.remove_when_ended;
  row.created = parts_.clock.wall();
  if (spec.ttl || spec.idle) {
    out.life.emplace();
    out.life->session = id;
    if (spec.ttl) out.life->expires = row.created + *spec.ttl;
    out.life->idle = spec.idle.value_or(Millis(0));
    out.life->active = row.created;
  }
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
  // The way out, for programs that heed these; others find it by name. ALL_PROXY too names the HTTP proxy:
  // clients that know no SOCKS would rather fail than do without.
  for (const char* name :
       {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"}) {
    set(name, "http://127.0.0.1:3128");
  }
  for (const char* name : {"NO_PROXY", "no_proxy"}) set(name, kDirect);
  if (terminal) set("TERM", "xterm-256color");
  for (const auto& [name, value] : options_.extra_env) set(name, value);
  for (const auto& [name, value] : provider) set(name, value);
  for (auto& variable : caller) env[variable.name] = std::move(variable.value);
  std::vector<EnvVar> out;
  for (auto& [name, value] : env) out.push_back({name, std::move(value)});
  return out;
}

}  // namespace brig::session
