#include "api/server.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include "api/http/connection.hpp"
#include "api/http/listener.hpp"
#include "api/http/tls.hpp"
#include "api/preview/previews.hpp"
#include "core/log.hpp"

namespace brig::api {
namespace {

constexpr Millis kExpiryCheck{5000};
constexpr std::string_view kFull =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\nConnection: close\r\n\r\n";

net::Task<void> converse(Hub* hub, Stream stream, Peer peer) {
  Connection connection(*hub, std::move(stream), std::move(peer));
  co_await connection.run();
}

net::Task<void> watch_expiry(Hub* hub) {
  for (;;) {
    co_await net::sleep_for(kExpiryCheck);
    auto now = hub->context.services.clock.wall();
    auto connections = hub->connections;  // ending one may take it out
    for (auto* connection : connections)
      if (hub->connections.contains(connection)) connection->check_expiry(now);
  }
}

void end_all(Hub& hub, EndReason reason, const std::string* credential) {
  auto connections = hub.connections;
  for (auto* connection : connections)
    if (hub.connections.contains(connection) && (!credential || connection->credential() == *credential))
      connection->end(reason);
}

}  // namespace

Hub::Hub(boost::asio::any_io_executor executor, const Config& config, Services services)
    : context{std::move(services), config.limits, {}, {}, {}},
      authenticator(context.services.tokens, context.services.clock, ::geteuid(),
                    config.unix_socket ? config.unix_socket->group : std::nullopt,
                    config.limits.failures_per_minute),
      rate(config.limits.requests_per_second, config.limits.burst),
      scope(std::move(executor), "api"),
      open_connections(context.services.metrics.gauge("brig_http_connections", "Connections to the API")),
      refused_connections(context.services.metrics.counter(
          "brig_http_connections_refused_total", "Connections to the API over the bounds on their number")) {
  context.revoke = [this](const std::string& credential) { end_all(*this, EndReason::revoked, &credential); };
}

Hub::Answered& Hub::answered(const Route* route, int status) {
  auto found = answered_.find({route, status});
  if (found != answered_.end()) return found->second;
  auto& metrics = context.services.metrics;
  auto pattern = route ? std::string(route->pattern) : std::string("none");
  auto& count = metrics.counter("brig_http_requests_total", "Requests answered, by route and status",
                                {{"route", pattern}, {"status", std::to_string(status)}});
  auto& seconds =
      metrics.histogram("brig_http_request_seconds", "Time from a request's head to the start of its answer",
                        {{"route", pattern}});
  return answered_.emplace(std::pair(route, status), Answered{count, seconds}).first->second;
}

bool Hub::admit_connection(const Peer& peer) {
  const auto& limits = context.limits;
  auto bound = peer.local ? limits.connections_per_uid : limits.connections_per_address;
  if (peer.agent) bound = limits.connections_per_agent;
  auto it = by_peer_.find(peer.address);
  // Agents take no place from people.
  bool full = peer.agent ? agents_ >= limits.connections_of_agents : total_ >= limits.connections;
  if (full || (it != by_peer_.end() && it->second >= bound)) {
    refused_connections.add();
    return false;
  }
  ++(peer.agent ? agents_ : total_);
  ++by_peer_[peer.address];
  open_connections.set(total_);
  return true;
}

void Hub::forget_connection(const Peer& peer) {
  --(peer.agent ? agents_ : total_);
  auto it = by_peer_.find(peer.address);
  if (--it->second == 0) by_peer_.erase(it);
  open_connections.set(total_);
}

struct Server::State {
  State(boost::asio::any_io_executor e, Config c, Services services)
      : executor(e),
        config(std::move(c)),
        hub(e, config, std::move(services)),
        accepting(e, "api listeners") {}

  void take(UniqueFd fd, bool local);
  void serve(UniqueFd fd, int family, TlsContext* context, Peer peer);

  boost::asio::any_io_executor executor;
  Config config;
  std::unique_ptr<TlsContext> tls;
  Hub hub;
  net::Scope accepting;
  UniqueFd unix_fd;
  UniqueFd tcp_fd;
  std::optional<preview::PreviewServer> previews;
};

void Server::State::take(UniqueFd fd, bool local) {
  auto peer = local ? local_peer(fd.get()) : tcp_peer(fd.get());
  if (!peer) return;
  int family = AF_UNIX;
  if (!local) family = peer->address.find(':') == std::string::npos ? AF_INET : AF_INET6;
  serve(std::move(fd), family, local ? nullptr : tls.get(), std::move(*peer));
}

void Server::State::serve(UniqueFd fd, int family, TlsContext* context, Peer peer) {
  if (!hub.admit_connection(peer)) {
    if (!context) (void)!::send(fd.get(), kFull.data(), kFull.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return;
  }
  Stream stream(executor, std::move(fd), family, context);
  hub.scope.spawn(converse(&hub, std::move(stream), std::move(peer)));
}

Server::Server(boost::asio::any_io_executor executor, Config config, Services services)
    : state_(std::make_unique<State>(std::move(executor), std::move(config), std::move(services))) {}

Server::~Server() = default;

Result<void> Server::start() {
  auto& s = *state_;
  // Everything that can fail comes before anything that runs.
  if (const auto& where = s.config.tcp) {
    BRIG_TRY(s.tls, TlsContext::load({where->certificate, where->key, where->tls_dir, where->address}));
    s.hub.hosts.emplace(where->address, where->hosts, where->origins);
    BRIG_TRY(s.tcp_fd, listen_tcp(*where));
  }
  if (s.config.unix_socket) {
    BRIG_TRY(s.unix_fd, listen_unix(*s.config.unix_socket));
  }
  if (s.config.preview) {
    auto& context = s.hub.context;
    s.previews.emplace(s.executor, *s.config.preview, context.limits, context.services);
    BRIG_CHECK(s.previews->start());
    context.preview_origin = [&s](const std::string& id) { return s.previews->origin_of(id); };
    context.cut_preview = [&s](const std::string& id) { s.previews->cut(id); };
  }
  if (s.tcp_fd) {
    log::info(
        "the API listens on TCP",
        {{"address", s.config.tcp->address}, {"port", tcp_port()}, {"fingerprint", s.tls->fingerprint()}});
    s.accepting.spawn(accept_loop(s.tcp_fd.get(), [&s](UniqueFd fd) { s.take(std::move(fd), false); }));
  }
  if (s.unix_fd) {
    log::info("the API listens", {{"socket", s.config.unix_socket->path.string()}});
    s.accepting.spawn(accept_loop(s.unix_fd.get(), [&s](UniqueFd fd) { s.take(std::move(fd), true); }));
  }
  s.accepting.spawn(watch_expiry(&s.hub));
  return {};
}

net::Task<void> Server::stop(Millis grace) {
  auto& s = *state_;
  s.hub.draining = true;
  co_await s.accepting.close();
  if (s.previews) co_await s.previews->stop();
  if (s.unix_fd && s.config.unix_socket->given < 0) ::unlink(s.config.unix_socket->path.c_str());
  s.unix_fd.reset();
  s.tcp_fd.reset();
  end_all(s.hub, EndReason::restart, nullptr);
  auto deadline = Deadline::in(grace);
  while (s.hub.scope.size() > 0 && !deadline.passed())
    co_await net::sleep_for(std::min(deadline.left(), Millis{10}));
  co_await s.hub.scope.close();
}

void Server::meet_agent(UniqueFd connection, session::Caller agent) {
  if (state_->hub.draining) return;
  Peer peer;
  peer.address = agent.credential;
  peer.agent = std::move(agent);
  state_->serve(std::move(connection), AF_UNIX, nullptr, std::move(peer));
}

std::uint16_t Server::tcp_port() const {
  return state_->tcp_fd ? port_of(state_->tcp_fd.get()) : 0;
}
std::string Server::preview_origin(const std::string& id) const {
  return state_->previews ? state_->previews->origin_of(id) : std::string();
}
std::string Server::tls_fingerprint() const {
  return state_->tls ? state_->tls->fingerprint() : std::string();
}

}  // namespace brig::api
