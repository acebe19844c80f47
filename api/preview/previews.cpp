#include "api/preview/previews.hpp"

#include "api/http/listener.hpp"
#include "api/preview/proxy.hpp"
#include "core/log.hpp"

namespace brig::api::preview {
namespace {

constexpr Millis kExpiryCheck{5000};

bool is_loopback(const std::string& address) {
  return address == "::1" || address.starts_with("127.");
}

net::Task<void> converse(PreviewHub* hub, Stream stream) {
  Proxy proxy(*hub, std::move(stream));
  co_await proxy.run();
}

}  // namespace

PreviewServer::PreviewServer(boost::asio::any_io_executor executor, PreviewListener config,
                             const Limits& limits, Services& services)
    : executor_(executor),
      config_(std::move(config)),
      services_(services),
      hub_{services, limits, "http", config_.domain, 0, {}},
      accepting_(executor, "preview listener"),
      conversing_(executor, "previews") {}

PreviewServer::~PreviewServer() = default;

Result<void> PreviewServer::start() {
  const auto& tcp = config_.tcp;
  // In the clear only where nobody listens on the way.
  if (!is_loopback(tcp.address) || !tcp.certificate.empty()) {
    BRIG_TRY(tls_, TlsContext::load({tcp.certificate, tcp.key, tcp.tls_dir, "*." + config_.domain}));
    hub_.scheme = "https";
  }
  BRIG_TRY(fd_, listen_tcp(tcp));
  hub_.port = port_of(fd_.get());
  log::info("previews are served", {{"address", tcp.address}, {"port", hub_.port}, {"domain", hub_.domain}});
  accepting_.spawn(accept_loop(fd_.get(), [this](UniqueFd fd) { take(std::move(fd)); }));
  accepting_.spawn(watch());
  return {};
}

void PreviewServer::take(UniqueFd fd) {
  auto peer = tcp_peer(fd.get());
  if (!peer || conversing_.size() >= hub_.limits.connections) return;
  int family = peer->address.find(':') == std::string::npos ? AF_INET : AF_INET6;
  Stream stream(executor_, std::move(fd), family, tls_.get());
  conversing_.spawn(converse(&hub_, std::move(stream)));
}

net::Task<void> PreviewServer::watch() {
  while (true) {
    co_await net::sleep_for(kExpiryCheck);
    std::set<std::string> seen;
    for (const auto* proxy : hub_.proxies)
      if (!proxy->id().empty()) seen.insert(proxy->id());
    for (const auto& id : seen) {
      auto found = co_await services_.previews.find(id);
      if (found && (!*found || (*found)->expires <= services_.clock.wall())) cut(id);
    }
  }
}

void PreviewServer::cut(const std::string& id) {
  auto proxies = hub_.proxies;
  for (auto* proxy : proxies)
    if (hub_.proxies.contains(proxy) && proxy->id() == id) proxy->cut();
}

net::Task<void> PreviewServer::stop() {
  co_await accepting_.close();
  fd_.reset();
  co_await conversing_.close();
}

}  // namespace brig::api::preview
