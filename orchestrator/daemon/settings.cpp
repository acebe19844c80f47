#include "daemon/settings.hpp"

#include <grp.h>

#include "core/files.hpp"
#include "core/log.hpp"
#include "image/trust.hpp"

namespace brig::daemon {
namespace {

session::Quota quota_of(const config::Config::Quota& quota) {
  return {quota.sessions, quota.memory, quota.disk, quota.starts_per_minute};
}

service::MeshRules rules_of(const config::Config::Mesh& mesh) {
  return {static_cast<service::Pinning>(mesh.pinning), mesh.services, mesh.deploys_per_minute,
          mesh.calls_per_minute, mesh.registries};
}

}  // namespace

Result<std::optional<gid_t>> group_id(const std::string& name) {
  if (name.empty()) return std::optional<gid_t>();
  if (auto* entry = ::getgrnam(name.c_str())) return std::optional<gid_t>(entry->gr_gid);
  log::warn("there is no such group; only root can reach the socket", {{"group", name}});
  return std::optional<gid_t>();
}

Result<docker::Endpoint> endpoint_of(const config::Config::Engine& engine) {
  if (engine.host.empty()) return docker::endpoint_from_environment(::getenv);
  auto from_file = [&](const char* name) -> const char* {
    std::string_view wanted = name;
    if (wanted == "DOCKER_HOST") return engine.host.c_str();
    if (wanted == "DOCKER_TLS_VERIFY") return engine.tls_verify ? "1" : nullptr;
    if (wanted == "DOCKER_CERT_PATH") return engine.cert_path.empty() ? nullptr : engine.cert_path.c_str();
    return nullptr;
  };
  return docker::endpoint_from_environment(from_file);
}

std::vector<std::string> engine_sockets(const docker::Endpoint& endpoint) {
  std::vector<std::string> sockets = {"/var/run/docker.sock", "/run/docker.sock",
                                      "/run/containerd/containerd.sock"};
  if (endpoint.is_unix()) sockets.push_back(endpoint.socket);
  return sockets;
}

std::vector<workspace::Forbidden> forbidden_places(const config::Config& config,
                                                   const std::vector<std::string>& sockets) {
  std::vector<workspace::Forbidden> places = {{config.service.state_dir, "Brig's state directory"},
                                              {config.service.socket, "Brig's own socket"},
                                              {"/var/lib/docker", "the engine's data"},
                                              {"/var/lib/containerd", "the engine's data"}};
  for (const auto& socket : sockets) places.push_back({socket, "the engine's socket"});
  return places;
}

std::vector<prune::Standing> standing_prunes(const std::vector<config::Config::Prune>& rules) {
  std::vector<prune::Standing> out;
  for (const auto& rule : rules) {
    prune::Standing one{rule.name, {}, rule.every, rule.notice, rule.dry_run};
    one.rules.keep_last = rule.keep_last;
    auto& filter = one.rules.filter;
    filter.mesh = rule.mesh;
    filter.provider = rule.provider;
    filter.identity = rule.identity;
    filter.kind = rule.kind;
    filter.owner = rule.owner;
    filter.orphan = rule.orphan;
    filter.unused_for = rule.unused_for;
    if (rule.larger > 0) filter.larger = rule.larger;
    out.push_back(std::move(one));
  }
  return out;
}

session::Quotas::Options quotas_of(const config::Config::Quotas& quotas) {
  session::Quotas::Options out;
  out.standard = quota_of(quotas.standard);
  for (const auto& [owner, quota] : quotas.owners) out.owners[owner] = quota_of(quota);
  return out;
}

service::Meshes meshes_of(const config::Config::Meshes& meshes) {
  service::Meshes out;
  out.standard = rules_of(meshes.standard);
  for (const auto& [name, mesh] : meshes.named) out.named[name] = rules_of(mesh);
  return out;
}

Result<std::optional<api::TcpListener>> tcp_listener(const config::Config::Tcp& config,
                                                     std::filesystem::path tls_dir) {
  std::optional<api::TcpListener> listener;
  if (config.listen.empty()) return listener;
  auto colon = config.listen.rfind(':');
  api::TcpListener tcp;
  tcp.address = config.listen.substr(0, colon);
  if (tcp.address.size() > 2 && tcp.address.front() == '[')
    tcp.address = tcp.address.substr(1, tcp.address.size() - 2);
  tcp.port = static_cast<std::uint16_t>(std::stoul(config.listen.substr(colon + 1)));
  tcp.certificate = config.cert;
  tcp.key = config.key;
  tcp.tls_dir = std::move(tls_dir);
  tcp.hosts = config.allowed_hosts;
  listener = std::move(tcp);
  return listener;
}

std::optional<egress::Upstream> upstream_proxy() {
  auto found = egress::upstream_from([](const char* name) { return std::getenv(name); });
  if (found) return std::move(*found);
  log::warn("sandboxes connect without the host's proxy", {{"error", found.error()}});
  return std::nullopt;
}

Result<std::string> trust_of_credentials(const std::string& bundle, const std::filesystem::path& stock) {
  if (!bundle.empty()) return bundle;
  BRIG_TRY(auto pem, image::load_stock());
  if (pem.empty()) return std::string();
  BRIG_CHECK(write_file(stock, pem, 0644));
  return stock.string();
}

egress::Limits egress_limits(const config::Config& config) {
  egress::Limits out;
  out.connections = config.egress.connections;
  out.per_second = static_cast<double>(config.egress.connections_per_second);
  out.bytes = config.egress.bytes;
  out.answer = config.egress.answer_within;
  return out;
}

}  // namespace brig::daemon
