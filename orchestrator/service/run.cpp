// Servers: started, met, watched, started again.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/log.hpp"
#include "core/random.hpp"
#include "core/text.hpp"
#include "core/units.hpp"
#include "service/spec.hpp"
#include "service/unit.hpp"

namespace brig::service {
namespace {

constexpr const char* kHome = "/home/service";
constexpr std::size_t kTail = 5;      // lines of its log that go with a failure to start
constexpr Millis kListAnew{500};      // between two listings of a server's tools
constexpr Millis kEngineAway{1'000};  // between tries while sandboxes cannot be started at all

// Not its own fault, as far as it goes: the engine is away, or the machine is full.
bool is_away(const Error& why) {
  return why.retryable && !why.where.starts_with("service");
}

// A name for volumes and sessions, which may be as long as the service's own.
std::string cut(const std::string& name, std::size_t most) {
  return name.size() <= most ? name : name.substr(0, most);
}

// Of its owner's volumes in that mesh.
std::string home_name(const std::string& name) {
  if (name.size() <= 56) return "service-" + name;
  std::uint32_t sum = 2166136261u;
  for (unsigned char c : name) sum = (sum ^ c) * 16777619u;
  const unsigned char bytes[] = {static_cast<unsigned char>(sum >> 24), static_cast<unsigned char>(sum >> 16),
                                 static_cast<unsigned char>(sum >> 8), static_cast<unsigned char>(sum)};
  return "service-" + cut(name, 47) + "-" + hex(bytes);
}

}  // namespace

Error with_log(Error why, const LogRing& log) {
  std::string tail;
  for (const auto& line : log.last(kTail)) {
    if (line.text.starts_with("brig: ")) continue;
    tail += (tail.empty() ? "" : "; ") + line.text;
  }
  why.message = log.cleaned(why.message);
  if (!tail.empty()) why.message += "; it wrote: " + printable(tail, 1024);
  return why;
}

// The volume's name, which stays through restarts and updates; "" if there is none and `make` is not set.
net::Task<Result<std::string>> Manager::home_of(UnitRef unit, bool make) {
  auto owner = unit->owner();
  auto name = home_name(unit->row.name);
  session::VolumeFilter filter;
  BRIG_CO_TRY(auto volumes,
              co_await parts_.volumes.list(owner, std::move(filter), session::VolumeOrder::name));
  auto own = std::find_if(volumes.begin(), volumes.end(), [&](const session::VolumeView& volume) {
    return volume.name == name && volume.owner == owner.owner && volume.mesh == owner.mesh;
  });
  if (own == volumes.end()) {
    if (!make) co_return std::string();
    session::VolumeSpec spec;
    spec.name = name;
    spec.mesh = owner.mesh;
    BRIG_CO_TRY(auto made, co_await parts_.volumes.create(owner, std::move(spec)));
    BRIG_CO_CHECK(co_await parts_.volumes.pin(owner, made.engine, true));
    co_return name;
  }
  if (make && !own->pinned) BRIG_CO_CHECK(co_await parts_.volumes.pin(owner, own->engine, true));
  co_return make ? name : own->engine;
}

net::Task<Result<Secret>> Manager::open_key(UnitRef unit, std::string key) {
  const auto& row = unit->row;
  nlohmann::json payload{{"service", row.name}, {"key", key}, {"owner", row.owner}};
  parts_.journal.note({row.mesh, "secret.used", "brigd", payload.dump()});
  co_return co_await parts_.vault.open(unit->scope(), key);
}

// From now on the log hides the values that it is given, too.
net::Task<Result<std::vector<session::EnvVar>>> Manager::environment(UnitRef unit, Runtime runtime,
                                                                     std::vector<unsigned char> sealed) {
  BRIG_CO_TRY(auto text, co_await parts_.vault.unseal(unit->scope(), unit->sealed_as(), std::move(sealed)));
  BRIG_CO_TRY(auto variables, env_from_text(text));
  std::vector<session::EnvVar> out;
  auto set = [&](const char* name, const std::string& value) { out.push_back({name, Secret(value)}); };
  set("HOME", kHome);
  if (runtime == Runtime::python) {
    set("PYTHONUNBUFFERED", "1");
    set("PYTHONPATH", std::string(kInside) + ":" + kInside + "/.packages");
    set("PYTHONDONTWRITEBYTECODE", "1");
  }
  for (auto& [name, value] : variables) {
    auto key = vault_key_of(value);
    if (!key.empty()) {
      BRIG_CO_TRY(value, co_await open_key(unit, key));
    }
  }
  unit->log.hide(variables);
  for (auto& [name, value] : variables) out.push_back({name, std::move(value)});
  co_return out;
}

net::Task<void> Manager::drop(std::shared_ptr<Server> server) {
  server->changed().notify_all();  // who watches it
  co_await server->close();
  servers_.erase(server);
}

// Its server, if one runs, ends; then nothing is left of its sandboxes. Calls in flight may still be
// answered.
net::Task<Result<void>> Manager::let_go(UnitRef unit) {
  ++unit->epoch;
  unit->changed.notify_all();
  auto server = std::exchange(unit->server, nullptr);
  auto sandboxes = unit->leaving;
  if (!unit->row.session.empty()) sandboxes.insert(unit->row.session);
  Result<void> done;
  for (const auto& sandbox : sandboxes) {
    auto ended = co_await parts_.hosting.dismiss(sandbox, options_.grace);
    if (ended)
      unit->leaving.erase(sandbox);
    else
      done = ended;
  }
  if (server) co_await drop(server);
  BRIG_CO_CHECK(done);
  unit->log.show_all();
  unit->row.session = SessionId();
  unit->row.server_json.clear();
  co_return co_await save(unit);
}

// In place of what runs of it. What fails is over.
net::Task<Result<void>> Manager::start(UnitRef unit) {
  unit->backoff.forgive();
  co_await set_state(unit, State::starting, "");
  auto started = co_await start_server(unit);
  if (started) co_return started;
  auto why = with_log(started.error(), unit->log);
  co_await set_state(unit, State::failed, why.message);
  auto ended = co_await let_go(unit);
  if (!ended) log::warn("a service's sandbox is left", {{"name", unit->purpose()}, {"error", ended.error()}});
  co_return why;
}

net::Task<Result<void>> Manager::start_server(UnitRef unit) {
  BRIG_CO_CHECK(co_await let_go(unit));
  co_return co_await bring_up(unit);
}

net::Task<Result<void>> Manager::bring_up(UnitRef unit) {
  BRIG_CO_TRY(unit->row.session, co_await host(unit, unit->row));
  BRIG_CO_CHECK(co_await save(unit));
  BRIG_CO_TRY(auto met, co_await meet(unit, unit->row.session, false));
  co_await put_to_work(unit, std::move(met));
  co_return Result<void>();
}

// Others may have removed it while nothing ran in it.
net::Task<Result<void>> Manager::need_image(UnitRef unit, ImageSource source, EntryImage image) {
  BRIG_CO_TRY(bool there, co_await parts_.builds.has_image(image.id));
  if (there) co_return Result<void>();
  BRIG_CO_CHECK(check_registry(unit->row.mesh, source));
  Secret key;
  if (!source.key.empty()) {
    BRIG_CO_TRY(key, co_await open_key(unit, source.key));
  }
  co_return co_await parts_.builds.fetch_again(std::move(image), std::move(source), std::move(key));
}

// A sandbox with the server of `row`, which need not be what runs now.
net::Task<Result<SessionId>> Manager::host(UnitRef unit, store::ServiceRow row) {
  BRIG_CO_TRY(auto artefact, co_await parts_.table.artefact(row.artefact));
  if (!artefact)
    co_return Error{Code::corrupt, "what was built is gone; `brig service update` builds it anew", "service",
                    false};
  BRIG_CO_TRY(auto entry, entry_from_json(row.built_json));
  BRIG_CO_TRY(auto spec, spec_from_json(row.spec_json));
  session::HostSpec host;
  host.purpose = unit->purpose();
  host.below = artefact->layer;
  host.cwd = kInside;
  auto& create = host.create;
  create.provider = provider_of(entry.image ? Runtime::binary : entry.runtime);
  create.name = cut(row.name, 50) + "-" + random_hex(4);
  create.mesh = row.mesh;
  create.args = entry.command;
  create.stdin_open = true;
  create.request.workspace = policy::Workspace::readonly;
  create.request.egress.allow = spec.allow;
  if (spec.remote) {
    BRIG_CO_TRY(auto way, egress::rule_of_url("source.remote.url", spec.remote->url));
    create.request.egress.allow.push_back(std::move(way));
  }
  if (entry.image) {
    BRIG_CO_CHECK(co_await need_image(unit, spec.image.value_or(ImageSource()), *entry.image));
    create.image = entry.image->id.str();
    host.cwd = entry.image->directory;
  }
  if (spec.memory) create.request.limits.memory = *spec.memory;
  if (spec.milli_cpus) create.request.limits.milli_cpus = *spec.milli_cpus;
  BRIG_CO_TRY(create.env, co_await environment(unit, entry.runtime, row.env));
  // Addresses are reached by the sandbox's proxy alone, which node asks only when it is told to.
  if (spec.remote) create.env.push_back({"NODE_USE_ENV_PROXY", Secret("1")});
  BRIG_CO_TRY(auto home, co_await home_of(unit, true));
  create.volumes.push_back({home, kHome, false});
  co_return co_await parts_.hosting.host(unit->owner(), std::move(host));
}

// `again`: another brigd has met it already, and it knows nothing of our having been away.
net::Task<Result<Manager::Met>> Manager::meet(UnitRef unit, SessionId session, bool again) {
  session::AttachSpec spec;
  spec.write = spec.take_over = spec.pace = true;
  spec.who = "brigd";
  if (again) spec.from = session::AttachSpec::From::end;
  BRIG_CO_TRY(auto attachment, co_await parts_.hosting.attend(session, spec));
  Server::About about{unit->row.mesh, unit->row.name, session, again};
  auto server = std::make_shared<Server>(executor_, std::move(about), parts_.hosting, std::move(attachment),
                                         unit->log, parts_.clock, parts_.gateway);
  servers_.insert(server);
  server->start();
  auto met = co_await greet(server, again);
  if (!met) {
    co_await drop(server);
    co_return met;
  }
  if (again) met->server_json = unit->row.server_json;
  co_return met;
}

// From now on calls go to it.
net::Task<void> Manager::put_to_work(UnitRef unit, Met met) {
  unit->row.server_json = std::move(met.server_json);
  unit->server = met.server;
  co_await admit(unit, std::move(met.tools));
  co_await set_state(unit, State::running, "");
  scope_.spawn(watch(unit, std::move(met.server)));
}

net::Task<Result<Manager::Met>> Manager::greet(std::shared_ptr<Server> server, bool again) {
  auto deadline = Deadline::in(options_.start_within);
  auto late = [&](Error why) {
    if (why.code == Code::timeout)
      why.message = "the server did not answer within " + format_duration(options_.start_within) +
                    "; is it one that speaks MCP on its standard input and output?";
    return why;
  };
  Met met;
  met.server = server;
  if (!again) {
    auto said = co_await server->client().initialize(deadline);
    if (!said) co_return late(std::move(said).error());
    met.server_json = said->result;
  }
  auto listed = co_await list_tools(server, deadline);
  if (!listed) co_return late(std::move(listed).error());
  met.tools = std::move(*listed);
  co_return met;
}

net::Task<Result<std::vector<ListedTool>>> Manager::list_tools(std::shared_ptr<Server> server,
                                                               Deadline deadline) {
  BRIG_CO_TRY(auto items, co_await server->client().list(mcp::Listing::tools, deadline));
  std::vector<std::pair<std::string, std::string>> tools;
  for (auto& item : items) tools.emplace_back(std::move(item.name), std::move(item.json));
  co_return read_tools(std::move(tools));
}

// Until it ends, does not answer any more, or another has taken its place.
net::Task<void> Manager::watch(UnitRef unit, std::shared_ptr<Server> server) {
  std::optional<Error> why;
  int missed = 0;
  while (!why) {
    bool notified = false;
    // What it said while it was being asked is not waited for.
    if (!server->ended() && !server->tools_changed())
      notified = co_await server->changed().wait_until(next_look(*unit, *server));
    if (unit->server != server) co_return;
    if (server->ended()) {
      why = *server->ended();
    } else if (server->take_tools_changed()) {
      auto listed = co_await list_tools(server, Deadline::in(options_.start_within));
      if (unit->server != server) co_return;
      if (listed)
        co_await admit(unit, std::move(*listed));
      else if (server->asleep())
        server->ask_again();  // it was put to sleep while it was asked
      else
        unit->log.add(parts_.clock.wall(), "brig: its tools were not listed: " + listed.error().message);
      parts_.gateway.tell(unit->row.mesh, unit->row.name, "notifications/tools/list_changed", {});
      // However often it says so.
      auto soonest = Deadline::in(kListAnew);
      while (unit->server == server && !server->ended() && co_await server->changed().wait_until(soonest)) {
      }
    } else if (bool asleep = co_await rest(unit, server); !asleep && !notified) {
      auto alive = co_await server->client().ping(Deadline::in(options_.ping_within));
      missed = !alive && alive.error().code == Code::timeout ? missed + 1 : 0;
      if (missed >= options_.pings_missed)
        why = Error{Code::timeout, "the server did not answer " + std::to_string(missed) + " pings in a row",
                    "service: health", true};
    }
    if (unit->server != server) co_return;
  }
  unit->server = nullptr;
  auto epoch = unit->epoch;
  auto ran = std::chrono::duration_cast<Millis>(parts_.clock.wall() - server->started());
  co_await drop(server);
  co_await revive(unit, *why, ran, epoch);
}

net::Task<void> Manager::revive(UnitRef unit, Error why, Millis ran, std::uint64_t epoch) {
  while (unit->epoch == epoch) {
    auto delay = is_away(why) ? std::optional(Backoff::jittered(kEngineAway)) : unit->backoff.next(ran);
    if (!delay) {
      auto times = std::to_string(Backoff::kMost);
      auto turn = co_await take_turn(unit);
      if (unit->epoch != epoch || unit->gone) co_return;
      co_await set_state(
          unit, State::crashed,
          "it was started again " + times + " times, and ended each time; the last: " + why.message);
      auto ended = co_await let_go(unit);
      if (!ended)
        log::warn("a service's sandbox is left", {{"name", unit->purpose()}, {"error", ended.error()}});
      co_return;
    }
    co_await set_state(unit, State::restarting, why.message);
    auto deadline = Deadline::in(*delay);
    while (unit->epoch == epoch && co_await unit->changed.wait_until(deadline)) {
    }
    auto turn = co_await take_turn(unit);
    if (unit->epoch != epoch || unit->gone) co_return;
    auto started = co_await start_server(unit);
    if (started) co_return;
    epoch = unit->epoch;
    why = with_log(started.error(), unit->log);
    ran = Millis(0);
  }
}

}  // namespace brig::service
