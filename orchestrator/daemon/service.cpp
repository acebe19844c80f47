#include "daemon/service.hpp"

#include <boost/asio/signal_set.hpp>

#include "api/server.hpp"
#include "backup/restore.hpp"
#include "core/log.hpp"
#include "core/metrics.hpp"
#include "daemon/adapters.hpp"
#include "daemon/engine_watch.hpp"
#include "daemon/own_metrics.hpp"
#include "daemon/places.hpp"
#include "daemon/resident.hpp"
#include "daemon/settings.hpp"
#include "daemon/sockets.hpp"
#include "daemon/systemd.hpp"
#include "docker/engine.hpp"
#include "doctor/examiner.hpp"
#include "egress/doors.hpp"
#include "http/curl_multi.hpp"
#include "image/service.hpp"
#include "image/trust.hpp"
#include "net/scope.hpp"
#include "provider/hooks.hpp"
#include "provider/identities.hpp"
#include "provider/registry.hpp"
#include "prune/collector.hpp"
#include "prune/pruner.hpp"
#include "prune/unattended.hpp"
#include "reconcile/reconciler.hpp"
#include "review/service.hpp"
#include "service/manager.hpp"
#include "service/recorded.hpp"
#include "session/engine_containers.hpp"
#include "session/manager.hpp"
#include "session/shelf.hpp"
#include "store/database.hpp"
#include "store/ledger_lock.hpp"
#include "vault/vault.hpp"
#include "workspace/mounter.hpp"

namespace brig::daemon {
namespace {

constexpr Millis kReconcileEvery{30'000};
constexpr Millis kStopGrace{2'000};
constexpr Millis kLastAnswers{10'000};        // of services, to calls in flight
constexpr Millis kFirstLook{200};             // between tries to look while the engine is away
constexpr long kManyConnections = 1'000'000;  // none is closed for want of room

// A loop that is stuck says nothing, and is started anew; sandboxes do not notice.
net::Task<void> be_alive(Millis every) {
  while (true) {
    notify("WATCHDOG=1");
    co_await net::sleep_for(every);
  }
}

}  // namespace

struct Service::Parts {
  SystemClock clock;
  metrics::Registry metrics;
  net::Worker blocking{2};
  std::unique_ptr<store::Database> database;
  std::optional<store::SessionTable> sessions;
  std::optional<store::ProcessTable> processes;
  std::optional<store::CheckpointTable> checkpoints;
  std::optional<store::LifeTable> lives;
  std::optional<store::TokenTable> tokens;
  std::optional<store::PreviewTable> previews;
  std::optional<store::EventTable> event_table;
  std::optional<events::Log> events;
  std::optional<store::EgressTable> egress_rules;
  std::optional<store::VaultTable> vault_table;
  std::optional<store::CredentialTable> credential_table;
  std::optional<vault::Vault> vault;
  std::optional<store::VolumeTable> volume_table;
  std::optional<store::IdentityTable> identity_table;
  std::optional<store::ProviderTable> provider_table;
  std::optional<store::HookTable> hook_table;
  std::optional<session::PolicyBook> policies;
  std::unique_ptr<docker::Engine> engine;
  std::unique_ptr<image::EngineImages> images;
  std::optional<image::NamedImages> named_images;
  std::optional<session::EngineContainers> containers;
  workspace::Mounter mounter;
  net::Worker closing{1};    // what a sandbox may make slow to close
  net::Worker resolving{4};  // names of strangers, which may take their time
  std::unique_ptr<egress::Resolver> resolver;
  egress::HostPresets presets;
  std::optional<http::CurlMulti> outward;  // TLS to hosts with credentials
  std::optional<egress::Doors> doors;
  std::optional<volume::Volumes> volumes;
  std::optional<volume::Quarantine> quarantine;
  std::optional<provider::LedgerIdentities> identities;
  std::optional<provider::Hooks> hooks;
  std::optional<provider::Registry> registry;
  std::optional<session::Manager> manager;
  std::optional<session::Shelf> shelf;
  std::optional<prune::Pruner> pruner;
  std::optional<store::StandingTable> standing_table;
  std::optional<prune::Unattended> unattended;
  std::optional<prune::Surveyor> surveyor;
  std::optional<prune::Collector> collector;
  std::optional<review::Service> reviews;
  std::optional<store::ServiceTable> service_table;
  std::optional<store::ToolGateTable> tool_gates;
  std::optional<store::AuditTable> audit_table;
  std::optional<audit::Log> audit;
  std::optional<store::PermissionTable> permission_table;
  std::optional<service::Permissions> permissions;
  std::optional<service::Builds> builds;
  std::optional<service::Uploads> uploads;
  std::optional<mcp::Gateway> gateway;
  std::optional<service::Manager> services;
  std::optional<service::Recorded> recorded;
  std::optional<reconcile::Reconciler> reconciler;
  std::optional<EngineWatch> watch;
  std::unique_ptr<doctor::Doctor> doctor;
  std::optional<ApiPolicies> api_policies;
  std::optional<ApiTokens> api_tokens;
  std::optional<ApiPreviews> api_previews;
  GivenSockets given;
  std::optional<api::Server> server;
  bool recovered = false;   // volumes that the ledger had lost were looked for
  bool took_stock = false;  // the ledger was compared with the engine once

  metrics::Gauge& in_phase(const std::string& phase) {
    return metrics.gauge("brig_sessions", "Sessions by what the ledger has them in.", {{"phase", phase}});
  }
};

Service::Service(net::Loop& loop, config::Config config)
    : loop_(loop), config_(std::move(config)), parts_(std::make_unique<Parts>()) {}

Service::~Service() = default;

namespace {

// Alone, as whoever restores is: both would move the same files.
Result<void> finish_restore(const StatePaths& paths) {
  BRIG_TRY(UniqueFd held, store::lock_ledger(paths.database()));
  BRIG_TRY(bool restored, backup::finish_restore(paths));
  if (restored) log::warn("a restore that was cut off is finished", {});
  return {};
}

}  // namespace

Result<void> Service::prepare() {
  auto& parts = *parts_;
  BRIG_TRY(parts.given, GivenSockets::take());
  StatePaths paths(config_.service.state_dir);
  BRIG_CHECK(make_private(paths.root(), 0711));
  BRIG_CHECK(make_private(paths.sessions(), 0711));
  BRIG_CHECK(make_private(paths.layers(), 0700));
  BRIG_CHECK(make_private(paths.init_binary().parent_path(), 0711));
  BRIG_CHECK(finish_restore(paths));
  BRIG_TRY(parts.database, store::Database::open(paths.database()));
  parts.sessions.emplace(*parts.database);
  parts.processes.emplace(*parts.database);
  parts.checkpoints.emplace(*parts.database);
  parts.lives.emplace(*parts.database);
  parts.tokens.emplace(*parts.database);
  parts.previews.emplace(*parts.database);
  parts.event_table.emplace(*parts.database);
  parts.events.emplace(loop_.executor(),
                       events::Log::Options{config_.limits.events, config_.limits.events_age},
                       *parts.event_table, parts.clock, parts.metrics);
  parts.egress_rules.emplace(*parts.database);
  parts.vault_table.emplace(*parts.database);
  parts.credential_table.emplace(*parts.database);
  parts.vault.emplace(*parts.vault_table, parts.clock, paths.root() / "vault.key");
  parts.volume_table.emplace(*parts.database);
  parts.identity_table.emplace(*parts.database);
  parts.provider_table.emplace(*parts.database);
  parts.hook_table.emplace(*parts.database);
  BRIG_CHECK(install_init(paths));

  BRIG_TRY(parts.policies, session::PolicyBook::load({config_.policy.ceiling, config_.policy.profiles_dir,
                                                      config_.policy.default_profile}));
  BRIG_TRY(docker::Endpoint endpoint, endpoint_of(config_.engine));
  auto sockets = engine_sockets(endpoint);
  auto executor = loop_.executor();
  BRIG_TRY(parts.engine, docker::connect(std::move(endpoint), executor));
  const auto& installation = parts.database->installation();
  parts.containers.emplace(*parts.engine, installation);

  BRIG_TRY(auto ca_bundle, image::prepare_trust(config_.trust.ca_bundle, paths.root() / "ca.crt"));
  image::Options image_options;
  image_options.images_dir = config_.images.dir;
  if (image_options.images_dir.empty()) {
    BRIG_TRY(image_options.images_dir, find_images());
  }
  image_options.work_dir = paths.root() / "images";
  image_options.installation = installation;
  image_options.prefix = config_.images.prefix;
  image_options.base = config_.images.base;
  image_options.build_network = config_.images.build_network;
  image_options.build_deadline = config_.images.build_deadline;
  std::map<std::string, provider::HookSetting> hooks;
  for (const auto& provider : config_.providers) {
    if (!provider.image.empty()) image_options.instead[provider.id] = provider.image;
    if (!provider.prepare.empty()) hooks[provider.id] = {provider.prepare, provider.prepare_deadline};
  }
  if (config_.trust.builds) image_options.ca_bundle = ca_bundle;
  image_options.no_authorities = config_.trust.ca_bundle == "none" || !config_.trust.builds;
  BRIG_TRY(parts.images,
           image::EngineImages::open(std::move(image_options), *parts.engine, parts.blocking, executor));

  volume::Options volume_options{installation, paths, config_.volumes.size};
  parts.volumes.emplace(executor, std::move(volume_options), *parts.engine, *parts.volume_table, parts.clock,
                        parts.blocking);
  parts.quarantine.emplace(
      executor, volume::Quarantine::Options{config_.volumes.retention, config_.volumes.archive_rate},
      *parts.volumes, parts.clock);
  parts.identities.emplace(*parts.identity_table, *parts.images, *parts.volumes, parts.clock, parts.blocking);
  parts.hooks.emplace(std::move(hooks), *parts.hook_table);
  parts.registry.emplace(*parts.provider_table, *parts.images, parts.clock);

  session::ManagerOptions options{installation, paths, {}, 0, {}, {}, sockets, {}, {}, {}, {}};
  options.output.total_bytes = config_.limits.output_bytes;
  options.output.segment_bytes =
      std::min<std::uint64_t>(options.output.segment_bytes, config_.limits.output_bytes / 4);
  options.max_sessions = config_.limits.max_sessions;
  options.quotas = quotas_of(config_.quota);
  options.forbidden = forbidden_places(config_, sockets);
  if (config_.trust.sandboxes && !ca_bundle.empty()) {
    options.ca_bundle = ca_bundle.string();
    options.extra_env = image::trust_environment("/run/brig/ca.crt");
  }
  BRIG_TRY(options.trusted, trust_of_credentials(options.ca_bundle, paths.root() / "ca-stock.crt"));
  options.trust_env = image::trust_environment("/run/brig/ca.crt");
  options.meet_agent = [&parts](UniqueFd connection, session::Caller agent) {
    if (parts.server) parts.server->meet_agent(std::move(connection), std::move(agent));
  };
  options.skills_for = [&parts](const session::Caller& caller, const std::string& mesh) {
    return parts.services->skills_for(caller, mesh);
  };
  parts.outward.emplace(executor, kManyConnections);
  parts.resolver = egress::system_resolver(executor, parts.resolving);
  // Of a mesh's sandboxes it is in the mesh's audit, too.
  auto tell = [&parts](events::Event event) {
    if (!event.mesh.empty()) parts.audit->note(deed_of(event));
    parts.events->add(std::move(event));
  };
  parts.doors.emplace(egress::Doors::Parts{
      egress::Shared{executor, parts.clock, *parts.resolver, parts.closing, parts.metrics, tell,
                     upstream_proxy(), egress_limits(config_), &*parts.vault, &*parts.outward,
                     ca_bundle.empty() ? image::host_bundle().string() : ca_bundle.string()},
      paths, *parts.egress_rules, parts.presets, parts.policies->ceiling(), &*parts.credential_table});
  parts.manager.emplace(
      executor, std::move(options),
      session::Manager::Parts{parts.clock, parts.metrics, *parts.events, *parts.sessions, *parts.processes,
                              *parts.checkpoints, *parts.lives, *parts.containers, *parts.images,
                              *parts.policies, *parts.volumes, *parts.identities, *parts.hooks, parts.mounter,
                              parts.blocking, *parts.doors});
  session::ShelfOptions shelf{
      config_.volumes.max_size,
      config_.volumes.per_owner,
      quotas_of(config_.quota),
      [&parts](const std::string& provider) { return parts.images->provider(provider).ok(); },
      config_.volumes.retention,
      executor,
      &*parts.quarantine};
  parts.shelf.emplace(std::move(shelf), *parts.volumes, *parts.sessions, parts.clock, parts.blocking);
  prune::Sources sources{*parts.shelf,    *parts.volumes, *parts.quarantine,
                         *parts.sessions, parts.clock,    parts.blocking};
  parts.pruner.emplace(sources, *parts.events, parts.metrics);
  parts.standing_table.emplace(*parts.database);
  parts.unattended.emplace(standing_prunes(config_.prunes), *parts.pruner, *parts.standing_table,
                           *parts.events, parts.clock);
  auto hold = [&parts](const store::SessionRow& row, std::string doing) {
    return parts.manager->hold(row, std::move(doing));
  };
  parts.reviews.emplace(
      paths, forbidden_places(config_, sockets), *parts.manager,
      review::Settler::Parts{*parts.sessions, *parts.checkpoints, parts.mounter, std::move(hold)});
  parts.reviews->recover();
  parts.service_table.emplace(*parts.database);
  parts.tool_gates.emplace(*parts.database);
  parts.audit_table.emplace(*parts.database);
  parts.audit.emplace(executor, audit::Log::Options{config_.limits.audit}, *parts.audit_table, *parts.vault,
                      parts.clock);
  parts.permission_table.emplace(*parts.database);
  parts.permissions.emplace(*parts.permission_table);
  parts.named_images.emplace(*parts.engine);
  parts.builds.emplace(paths, forbidden_places(config_, sockets), *parts.manager, *parts.images,
                       *parts.named_images, parts.blocking);
  parts.uploads.emplace(paths.root(), parts.blocking);
  parts.gateway.emplace(executor, parts.clock, mcp::Gateway::Options());
  service::Options service_options;
  service_options.meshes = meshes_of(config_.meshes);
  parts.services.emplace(
      executor, std::move(service_options),
      service::Manager::Parts{parts.clock, *parts.service_table, *parts.tool_gates, *parts.manager,
                              *parts.shelf, *parts.vault, *parts.builds, *parts.uploads, *parts.permissions,
                              *parts.audit, *parts.gateway});
  parts.recorded.emplace(executor, *parts.services, *parts.audit, parts.clock);
  parts.surveyor.emplace(sources, *parts.service_table, paths);
  parts.collector.emplace(prune::Collector::Parts{
      paths, installation, config_.images.prefix, *parts.engine, *parts.images, *parts.manager,
      *parts.manager, *parts.sessions, *parts.checkpoints, *parts.service_table, *parts.volume_table,
      *parts.events, parts.clock, parts.metrics});
  parts.reconciler.emplace(
      executor, paths,
      reconcile::Reconciler::Parts{*parts.manager, *parts.sessions, *parts.containers, parts.blocking});
  parts.watch.emplace(*parts.engine, installation);
  parts.watch->on_return = [&parts] {
    parts.containers->forget_facts();
    parts.reconciler->hint();
  };
  parts.watch->on_change = [&parts] { parts.reconciler->hint(); };
  parts.watch->on_create = [&parts](const SessionId& id) {
    if (!parts.manager->is_launching(id)) parts.reconciler->hint();
  };

  doctor::Setup setup{paths.root(), paths.init_binary(), config_.service.group, config_.trust.ca_bundle,
                      ca_bundle};
  parts.doctor =
      doctor::make_doctor(std::move(setup), *parts.engine, *parts.images, parts.mounter, parts.blocking);
  parts.api_policies.emplace(*parts.policies);
  parts.api_tokens.emplace(*parts.tokens);
  parts.api_previews.emplace(*parts.previews);
  api::Config api_config;
  BRIG_CHECK(make_socket_directory(config_.service.socket.parent_path()));
  BRIG_TRY(auto group, group_id(config_.service.group));
  api_config.unix_socket =
      api::UnixListener{config_.service.socket, group, parts.given.claim(config_.service.socket)};
  BRIG_TRY(api_config.tcp, tcp_listener(config_.tcp, paths.tls()));
  config::Config::Tcp preview{config_.preview.listen, config_.preview.cert, config_.preview.key, {}};
  BRIG_TRY(auto preview_tcp, tcp_listener(preview, paths.tls() / "preview"));
  if (preview_tcp) api_config.preview = api::PreviewListener{std::move(*preview_tcp), config_.preview.domain};
  if (auto& tcp = api_config.tcp) tcp->given = parts.given.claim(tcp->address, tcp->port);
  if (auto& web = api_config.preview) web->tcp.given = parts.given.claim(web->tcp.address, web->tcp.port);
  BRIG_CHECK(parts.given.check_claimed());
  api_config.limits.connections = static_cast<unsigned>(config_.limits.max_connections);
  api_config.limits.requests_per_second = static_cast<double>(config_.limits.requests_per_minute) / 60.0;
  // One place hears of every change of a session's phase: who follows the events, and the gauges.
  parts.sessions->on_phase = [&parts](const std::string& from, const std::string& to) {
    parts.events->wake();
    if (!from.empty()) parts.in_phase(from).add(-1);
    if (!to.empty()) parts.in_phase(to).add(1);
  };
  register_own_metrics(parts.metrics);
  parts.metrics.gauge_from("brig_sessions_live", "Sessions whose sandbox runs or is being started or ended.",
                           [&parts] { return static_cast<double>(parts.manager->live_count()); });
  parts.metrics.gauge_from("brig_engine_answers", "1 while the engine answers.",
                           [&parts] { return parts.watch->answers() ? 1.0 : 0.0; });
  auto readiness = [&parts] {
    std::vector<api::Condition> conditions;
    bool answers = parts.watch->answers();
    conditions.push_back({"engine", answers, answers ? "" : parts.watch->why_not()});
    conditions.push_back(
        {"sessions", parts.took_stock,
         parts.took_stock ? "" : "sessions of an earlier run have not been looked after yet"});
    return conditions;
  };
  parts.server.emplace(executor, std::move(api_config),
                       api::Services{*parts.manager,
                                     *parts.manager,
                                     *parts.reviews,
                                     *parts.manager,
                                     *parts.manager,
                                     *parts.manager,
                                     *parts.shelf,
                                     *parts.pruner,
                                     *parts.unattended,
                                     *parts.surveyor,
                                     *parts.collector,
                                     *parts.images,
                                     *parts.registry,
                                     *parts.identities,
                                     *parts.doctor,
                                     *parts.doors,
                                     *parts.vault,
                                     *parts.recorded,
                                     *parts.gateway,
                                     *parts.permissions,
                                     *parts.audit,
                                     *parts.api_policies,
                                     *parts.api_tokens,
                                     *parts.api_previews,
                                     *parts.events,
                                     parts.metrics,
                                     parts.clock,
                                     readiness,
                                     {BRIG_VERSION, installation}});
  return {};
}

net::Task<void> Service::recover_volumes() {
  auto done = co_await parts_->volumes->recover();
  parts_->recovered = done.ok();
  if (!done) log::warn("cannot look for volumes that the ledger lost", {{"error", done.error()}});
}

net::Task<void> Service::take_stock() {
  auto& parts = *parts_;
  co_await parts.manager->clear_unmade_checkpoints();
  co_await parts.manager->clear_builders();
  if (auto found = co_await parts.manager->find_left_behind(); !found)
    log::warn("the sandboxes of services cannot be listed", {{"error", found.error()}});
  while (true) {
    auto done = co_await parts.reconciler->once();
    if (done) break;
    co_await net::sleep_for(kFirstLook);
  }
  if (!parts.recovered) co_await recover_volumes();
  parts.took_stock = true;
  log::info("took stock", {{"sessions", parts.manager->live_count()}});
  co_await parts.services->resume();
  give_back_code();
  co_await parts.reconciler->run(kReconcileEvery);
}

net::Task<void> Service::run() {
  auto& parts = *parts_;
  net::asio::signal_set signals(loop_.context(), SIGTERM, SIGINT);
  net::Scope scope(loop_.executor(), "service");
  auto known = co_await parts.sessions->list();
  if (!known) {
    log::error("the ledger cannot be read", {{"error", known.error()}});
    failed_ = true;
    co_return;
  }
  for (const auto& row : *known) parts.in_phase(row.phase).add(1);
  if (auto loaded = co_await parts.registry->load(); !loaded) {
    log::error("the ledger's providers cannot be read", {{"error", loaded.error()}});
    failed_ = true;
    co_return;
  }
  if (auto loaded = co_await parts.audit->load(); !loaded) {
    log::error("the ledger's audit cannot be read", {{"error", loaded.error()}});
    failed_ = true;
    co_return;
  }
  if (auto loaded = co_await parts.permissions->load(); !loaded) {
    log::error("the ledger's permissions cannot be read", {{"error", loaded.error()}});
    failed_ = true;
    co_return;
  }
  if (auto loaded = co_await parts.services->load(); !loaded) {
    log::error("the ledger's services cannot be read", {{"error", loaded.error()}});
    failed_ = true;
    co_return;
  }
  co_await recover_volumes();  // before anybody can claim their names
  co_await parts.volumes->take_up();
  if (auto started = parts.server->start(); !started) {
    log::error("the API cannot be served", {{"error", started.error()}});
    failed_ = true;
    co_return;
  }
  log::info("brigd serves", {{"version", BRIG_VERSION},
                             {"socket", config_.service.socket.native()},
                             {"installation", parts.database->installation()}});
  // Not only once the engine answers: that may take long, and is told by /readyz.
  notify("READY=1");
  scope.spawn(parts.events->run());
  scope.spawn(parts.audit->run());
  scope.spawn(take_stock());
  scope.spawn(parts.watch->run());
  scope.spawn(parts.manager->keep());
  scope.spawn(parts.quarantine->run());
  scope.spawn(parts.unattended->run());
  scope.spawn(parts.reviews->run());
  if (auto limit = watchdog_limit()) scope.spawn(be_alive(*limit / 2));
  auto [ec, signal] = co_await signals.async_wait(net::use_result);
  log::info("stopping", {{"signal", signal}});
  notify("STOPPING=1");
  parts.unattended->close();
  parts.quarantine->close();
  co_await parts.services->drain(Deadline::in(kLastAnswers));
  co_await parts.server->stop(kStopGrace);
  co_await parts.recorded->close();
  co_await parts.audit->close();
  co_await scope.close();
  co_await parts.gateway->close();
  co_await parts.services->close();
  co_await parts.manager->close();
  co_await parts.shelf->close();
  co_await parts.volumes->put_down();
  co_await parts.images->close();
  auto flushed = co_await parts.events->flush();
  if (!flushed) log::warn("the last events were not kept", {{"error", flushed.error()}});
}

}  // namespace brig::daemon
