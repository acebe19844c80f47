#include "init_egress/egress.hpp"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cstring>

#include "init_egress/refusal.hpp"

namespace brig::init::egress {

constinit char scratch[kScratch] = {};

namespace {

constexpr std::uint64_t kGreetingMs = 30'000;
constexpr std::size_t kOtherDescriptors = 32;

}  // namespace

std::uint64_t now_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1000 + static_cast<std::uint64_t>(now.tv_nsec) / 1'000'000;
}

bool Egress::prepare(const char* socket_path, const Doors& doors) {
  path_ = socket_path;
  doors_ = doors;
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  if (epoll_ < 0) return false;
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return false;
  // Two quarters for connections, which have two descriptors each, one for listeners, one for questions: so
  // none of them can take what another needs.
  std::size_t quarter =
      files.rlim_cur > kOtherDescriptors + 32 ? (files.rlim_cur - kOtherDescriptors) / 4 : 8;
  auto at_most = [](std::size_t a, std::size_t b) { return a < b ? a : b; };
  most_connections_ = at_most(quarter, kMaxConnections);
  most_queries_ = at_most(quarter * 3 / 4, kMaxQueries);
  most_dns_ = at_most(quarter / 4, kMaxDnsConnections);
  names_.limit_listeners(at_most(quarter, kMaxListeners));
  watch(doors.proxy, kProxy, 0);
  watch(doors.resolver_udp, kResolverUdp, 0);
  watch(doors.resolver_tcp, kResolverTcp, 0);
  return true;
}

void Egress::watch(int fd, Kind kind, std::size_t index) {
  if (fd < 0) return;
  epoll_event event{};
  // Listeners are level-triggered: whoever is not accepted at once is seen again.
  event.events = EPOLLIN;
  if (kind >= kClient) event.events |= EPOLLET | EPOLLRDHUP | EPOLLOUT;
  event.data.u64 = (std::uint64_t{kind} << 32) | index;
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
}

void Egress::accept_all(int fd, Via via, std::size_t listener) {
  for (int i = 0; i < 64; ++i) {
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    int client = ::accept4(fd, reinterpret_cast<sockaddr*>(&peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client < 0) {
      // The kernel or the machine has no room. The client stays in the queue, and is not looked at without
      // pause.
      if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) ::poll(nullptr, 0, 10);
      return;
    }
    std::size_t index = 0;
    while (index < used_ && connections_[index].state != Connection::State::free) ++index;
    if (open_ >= most_connections_ || index == kMaxConnections) {
      // It is told, not left waiting.
      char text[1024];
      auto refusal = http_refusal(Status::limit, kTooMany, text);
      if (via == Via::http_connect &&
          ::send(client, refusal.data(), refusal.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        // It is gone already.
      }
      ::close(client);
      continue;
    }
    if (index == used_) ++used_;
    ++open_;
    Connection& connection = connections_[index];
    auto generation = static_cast<std::uint16_t>(connection.generation + 1);
    connection = {};
    connection.generation = generation;
    connection.state = Connection::State::greeting;
    connection.via = via;
    connection.client = client;
    connection.line = -1;
    connection.name = Names::kNone;
    connection.client_readable = connection.client_writable = true;
    connection.peer_address = ntohl(peer.sin_addr.s_addr);
    connection.peer_port = ntohs(peer.sin_port);
    connection.deadline = now_ms() + kGreetingMs;
    due(connection.deadline);
    connection.body.begin(Body::upgrade, 0);
    watch(client, kClient, tag_of(connection));
    if (via == Via::transparent) {
      connection.name = names_.listener_name(listener);
      connection.port = names_.listener_port(listener);
      names_.hold(connection.name);
      ask(connection, names_.name(connection.name));
    } else {
      greet(connection);
    }
  }
}

void Egress::release(Connection& connection) {
  if (connection.client >= 0) ::close(connection.client);
  if (connection.line >= 0) ::close(connection.line);
  if (connection.name != Names::kNone) names_.let_go(connection.name);
  connection.client = connection.line = -1;
  connection.name = Names::kNone;
  connection.state = Connection::State::free;
  --open_;
}

// An event may be stale, of a descriptor closed a moment ago: a connection's is told by its generation,
// others only lead to a read that finds nothing.
void Egress::dispatch(std::uint64_t tag, std::uint32_t events) {
  auto kind = static_cast<Kind>(tag >> 32);
  auto index = static_cast<std::size_t>(tag & 0xffffffff);
  bool readable = (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
  bool writable = (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0;
  using State = Connection::State;
  switch (kind) {
    case kProxy:
      accept_all(doors_.proxy, Via::http_connect, 0);
      break;
    case kResolverUdp:
      read_questions();
      break;
    case kResolverTcp:
      accept_dns();
      break;
    case kListener:
      if (names_.listens(index)) accept_all(names_.listener_fd(index), Via::transparent, index);
      break;
    case kClient: {
      Connection* found = find(index);
      if (!found || found->client < 0) break;
      Connection& connection = *found;
      if (readable) connection.client_readable = true;
      if (writable) connection.client_writable = true;
      if (connection.state == State::greeting) greet(connection);
      // Nobody is left to be answered; a client that has only said its last may still wait for bytes, but not
      // for a proxy.
      bool proxied = connection.via != Via::transparent && connection.via != Via::http_absolute;
      bool gone = (events & (EPOLLHUP | EPOLLERR)) != 0 || (proxied && (events & EPOLLRDHUP) != 0);
      bool waits = connection.state == State::greeting || connection.state == State::asking;
      if (waits && gone) {
        release(connection);
      } else if (connection.state == State::open) {
        pump(connection);
      } else if (connection.state == State::leaving) {
        leave(connection);
      }
      break;
    }
    case kLine: {
      Connection* found = find(index);
      if (!found || found->line < 0) break;
      Connection& connection = *found;
      if (readable) connection.line_readable = true;
      if (writable) connection.line_writable = true;
      if ((events & (EPOLLHUP | EPOLLERR)) != 0) connection.line_gone = true;
      if (connection.state == State::asking && readable) {
        on_reply(connection);
      } else if (connection.state == State::open) {
        pump(connection);
      } else if (connection.state == State::handed_over && readable) {
        // DONE, or brigd's end: either way nothing is left to do here.
        release(connection);
      }
      break;
    }
    case kQuery: {
      Pending& pending = queries_[index];
      if (!pending.used || !readable) break;
      std::size_t dns = pending.dns;
      on_reply(pending);
      if (!pending.used && dns != Names::kNone) read_dns(dns_[dns]);
      break;
    }
    case kDns:
      if (readable) read_dns(dns_[index]);
      break;
  }
}

int Egress::connect_line() const {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (std::strlen(path_) >= sizeof to.sun_path) return -ENAMETOOLONG;
  std::strcpy(to.sun_path, path_);
  int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  if (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0) return fd;
  int error = errno;
  ::close(fd);
  return -error;
}

Egress::Heard Egress::hear(int line, egress_wire::Reply& reply, std::size_t& size) {
  ssize_t n = ::recv(line, scratch, egress_wire::kMaxReply, MSG_PEEK | MSG_DONTWAIT);
  if (n == 0) return Heard::gone;
  if (n < 0) return errno == EAGAIN || errno == EINTR ? Heard::nothing : Heard::gone;
  auto all = std::as_bytes(std::span(scratch, static_cast<std::size_t>(n)));
  auto rest = all;
  egress_wire::Fault fault{};
  switch (egress_wire::read_reply(rest, reply, fault)) {
    case egress_wire::Read::more: {
      pollfd over{line, POLLRDHUP, 0};
      return ::poll(&over, 1, 0) == 1 ? Heard::gone : Heard::nothing;
    }
    case egress_wire::Read::bad:
      return Heard::nonsense;
    case egress_wire::Read::frame:
      break;
  }
  size = all.size() - rest.size();
  return Heard::reply;
}

void Egress::tick(std::uint64_t now) {
  next_tick_ = 0;
  for (std::size_t i = 0; i < used_; ++i) {
    Connection& connection = connections_[i];
    if (connection.state == Connection::State::free) continue;
    if (connection.retry != 0 && now >= connection.retry) {
      connection.retry = 0;
      if (connection.via == Via::transparent) {
        ask(connection, names_.name(connection.name));
      } else {
        greet(connection);
      }
    } else if (connection.deadline != 0 && now >= connection.deadline) {
      release(connection);
    }
    if (connection.state == Connection::State::free) continue;
    if (connection.retry != 0) due(connection.retry);
    if (connection.deadline != 0) due(connection.deadline);
  }
  for (Pending& pending : queries_) {
    if (!pending.used) continue;
    if (pending.retry != 0 && now >= pending.retry) {
      pending.retry = 0;
      ask(pending);
    } else if (now >= pending.deadline) {
      conclude(pending, Status::timeout, "Brig's service did not answer in time", {});
    }
    if (!pending.used) continue;
    due(pending.deadline);
    if (pending.retry != 0) due(pending.retry);
  }
  for (DnsConnection& connection : dns_) {
    if (!connection.used || connection.busy) continue;
    if (now >= connection.deadline) {
      close_dns(connection);
    } else {
      due(connection.deadline);
      read_dns(connection);
    }
  }
}

void Egress::turn() {
  epoll_event events[128];
  std::uint64_t now = now_ms();
  int wait = more_count_ > 0     ? 0
             : next_tick_ == 0   ? -1
             : next_tick_ <= now ? 0
                                 : static_cast<int>(next_tick_ - now);
  int count = ::epoll_wait(epoll_, events, 128, wait);
  for (int i = 0; i < count; ++i) dispatch(events[i].data.u64, events[i].events);
  // Each of those that were there takes its turn; whoever is not done is behind the others again.
  std::size_t waiting = more_count_;
  more_count_ = 0;
  for (std::size_t i = 0; i < waiting; ++i) {
    Connection& connection = connections_[more_[i]];
    connection.queued = false;
    if (connection.state == Connection::State::open) pump(connection);
  }
  now = now_ms();
  if (next_tick_ != 0 && now >= next_tick_) tick(now);
}

}  // namespace brig::init::egress
