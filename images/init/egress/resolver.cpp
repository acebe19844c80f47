// The resolver on 127.0.0.1:53: what brigd allows gets an address of 127.9.0.0/16, all else is answered at
// once, with the reason.
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "init_egress/egress.hpp"
#include "init_egress/refusal.hpp"
#include "init_egress/text.hpp"

namespace brig::init::egress {
namespace {

constexpr std::uint64_t kAnswerMs = 10'000;
constexpr std::uint64_t kIdleMs = 10'000;
constexpr std::uint64_t kRetryMs = 5;

bool is_localhost(std::string_view name) {
  constexpr std::string_view kLocal = "localhost";
  if (name.size() < kLocal.size() || !same_letters(name.substr(name.size() - kLocal.size()), kLocal))
    return false;
  return name.size() == kLocal.size() || name[name.size() - kLocal.size() - 1] == '.';
}

}  // namespace

void Egress::read_questions() {
  for (int i = 0; i < 64; ++i) {
    std::byte packet[kMaxQuestion + 1];
    sockaddr_in from{};
    socklen_t size = sizeof from;
    ssize_t n = ::recvfrom(doors_.resolver_udp, packet, sizeof packet, MSG_DONTWAIT,
                           reinterpret_cast<sockaddr*>(&from), &size);
    if (n < 0) return;
    question(std::span(packet, static_cast<std::size_t>(n)), from, Names::kNone);
  }
}

void Egress::accept_dns() {
  for (int i = 0; i < 16; ++i) {
    int fd = ::accept4(doors_.resolver_tcp, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    std::size_t index = 0;
    while (index < most_dns_ && dns_[index].used) ++index;
    if (index == most_dns_) {
      ::close(fd);
      continue;
    }
    dns_[index] = {true, fd, false, now_ms() + kIdleMs};
    due(dns_[index].deadline);
    watch(fd, kDns, index);
    read_dns(dns_[index]);
  }
}

void Egress::close_dns(DnsConnection& connection) {
  std::size_t index = index_of(connection, dns_);
  for (Pending& pending : queries_) {
    if (pending.used && pending.dns == index) drop(pending);
  }
  ::close(connection.fd);
  connection = {};
}

// Whole messages only, one at a time; what has not come whole stays in the socket.
void Egress::read_dns(DnsConnection& connection) {
  while (connection.used && !connection.busy) {
    std::byte packet[2 + kMaxQuestion];
    ssize_t n = ::recv(connection.fd, packet, sizeof packet, MSG_PEEK | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) return close_dns(connection);
    if (n < 2) return;
    auto size = static_cast<std::size_t>(packet[0]) << 8 | static_cast<std::size_t>(packet[1]);
    if (size > kMaxQuestion) return close_dns(connection);
    if (static_cast<std::size_t>(n) < 2 + size) return;
    if (::recv(connection.fd, packet, 2 + size, MSG_DONTWAIT) != static_cast<ssize_t>(2 + size))
      return close_dns(connection);
    connection.busy = true;
    question(std::span(packet + 2, size), {}, index_of(connection, dns_));
  }
}

// Answers what needs no brigd.
bool Egress::answer_alone(const Query& query, Answer& answer) const {
  if (query.verdict == Query::Verdict::malformed) answer.rcode = Rcode::malformed;
  if (query.verdict == Query::Verdict::unsupported) answer.rcode = Rcode::not_done;
  if (answer.rcode != Rcode::ok) return true;
  auto name = query.host();
  if (!query.internet || name.empty()) return true;
  if (is_localhost(name)) {
    answer.ttl = kTtlSeconds;
    answer.has_ipv4 = query.type == kA || query.type == kAny;
    answer.ipv4 = 127u << 24 | 1;
    answer.has_ipv6_loopback = query.type == kAaaa;
    return true;
  }
  std::uint32_t address = 0;
  if (same_letters(name, "arpa") ||
      (name.size() > 5 && same_letters(name.substr(name.size() - 5), ".arpa"))) {
    std::size_t index = read_reverse(name, address) ? names_.find(address) : Names::kNone;
    bool loopback = address >> 24 == 127;
    if (index == Names::kNone && !loopback) answer.rcode = Rcode::no_name;
    if (query.type == kPtr && index != Names::kNone) answer.pointer = names_.name(index);
    if (query.type == kPtr && index == Names::kNone && loopback) answer.pointer = "localhost";
    answer.ttl = kTtlSeconds;
    return true;
  }
  if (query.odd) answer.rcode = Rcode::no_name;
  return query.odd;
}

void Egress::question(std::span<const std::byte> packet, const sockaddr_in& from, std::size_t dns) {
  Query query;
  read_query(packet, query);
  if (query.verdict == Query::Verdict::ignore) {
    if (dns != Names::kNone) close_dns(dns_[dns]);
    return;
  }
  Answer alone;
  if (answer_alone(query, alone)) return answer(packet, query, alone, from, dns);
  for (Pending& pending : std::span(queries_, most_queries_)) {
    if (pending.used) continue;
    pending.used = true;
    pending.dns = dns;
    pending.from = from;
    pending.deadline = now_ms() + kAnswerMs;
    pending.retry = 0;
    pending.line = -1;
    pending.size = packet.size();
    std::memcpy(pending.packet, packet.data(), packet.size());
    due(pending.deadline);
    return ask(pending);
  }
  Answer full;
  full.rcode = Rcode::failed;
  full.error_code = static_cast<std::uint16_t>(dns_error(Status::limit));
  full.error_text = "too many names are being looked up at once";
  answer(packet, query, full, from, dns);
}

void Egress::ask(Pending& pending) {
  int line = connect_line();
  if (line == -EAGAIN) {
    pending.retry = now_ms() + kRetryMs;
    return due(pending.retry);
  }
  if (line < 0) return conclude(pending, Status::unavailable, kAway, {});
  pending.line = line;
  Query query;
  read_query(std::span(pending.packet, pending.size), query);
  Asker asker;
  if (pending.dns == Names::kNone) {
    asker = whose_.find(ntohl(pending.from.sin_addr.s_addr), ntohs(pending.from.sin_port), true);
  }
  egress_wire::Request request;
  request.kind = egress_wire::Kind::resolve;
  request.via = Via::resolver;
  request.pid = asker.pid;
  request.process = asker.process();
  request.host = query.host();
  std::byte frame[egress_wire::kMaxRequest];
  std::size_t size = egress_wire::write_request(request, frame);
  if (::send(line, frame, size, MSG_DONTWAIT | MSG_NOSIGNAL) != static_cast<ssize_t>(size)) {
    return conclude(pending, Status::unavailable, kAway, {});
  }
  watch(line, kQuery, index_of(pending, queries_));
}

void Egress::on_reply(Pending& pending) {
  if (pending.line < 0) return;
  egress_wire::Reply reply;
  std::size_t size = 0;
  switch (hear(pending.line, reply, size)) {
    case Heard::nothing:
      return;
    case Heard::gone:
    case Heard::nonsense:
      return conclude(pending, Status::unavailable, kAway, {});
    case Heard::reply:
      break;
  }
  if (reply.status != Status::asking) {
    return conclude(pending, reply.status, reply.message, std::span(reply.ports, reply.port_count));
  }
  if (::recv(pending.line, scratch, size, MSG_DONTWAIT) > 0) on_reply(pending);
}

void Egress::conclude(Pending& pending, Status status, std::string_view message,
                      std::span<const std::uint16_t> ports) {
  Query query;
  auto packet = std::span(pending.packet, pending.size);
  read_query(packet, query);
  Answer what;
  what.ttl = kTtlSeconds;
  what.error_code = static_cast<std::uint16_t>(dns_error(status));
  what.error_text = message;
  bool no_name = status == Status::denied || status == Status::unresolvable || status == Status::invalid;
  if (status == Status::ok && (query.type == kA || query.type == kAny)) {
    std::size_t index = names_.add(query.host(), now_ms());
    std::size_t failed =
        index == Names::kNone ? 0 : names_.listen(index, ports, [&](int fd, std::size_t listener) {
          watch(fd, kListener, listener);
        });
    if (index == Names::kNone || (failed > 0 && failed == ports.size())) {
      what.rcode = Rcode::failed;
      what.error_code = static_cast<std::uint16_t>(dns_error(Status::limit));
      what.error_text = index == Names::kNone
                            ? "too many names are in use at once"
                            : "its ports can't be listened on: others have them, or there are too many";
    } else {
      what.has_ipv4 = true;
      what.ipv4 = names_.address(index);
    }
  } else if (status != Status::ok && query.type == kTxt && !message.empty()) {
    // Whoever asks for text gets the reason in words: `dig TXT NAME`.
    what.text = message;
    what.ttl = 0;
  } else if (no_name) {
    // NXDOMAIN, not REFUSED: programs then fail at once, without asking again.
    what.rcode = Rcode::no_name;
  } else if (status != Status::ok) {
    what.rcode = Rcode::failed;
  }
  answer(packet, query, what, pending.from, pending.dns);
  drop(pending);
}

void Egress::drop(Pending& pending) {
  if (pending.line >= 0) ::close(pending.line);
  pending.line = -1;
  pending.used = false;
}

void Egress::answer(std::span<const std::byte> packet, const Query& query, const Answer& what,
                    const sockaddr_in& from, std::size_t dns) {
  std::byte out[2 + kMaxAnswer];
  std::span<std::byte, kMaxAnswer> body(out + 2, kMaxAnswer);
  if (dns == Names::kNone) {
    std::size_t size = write_answer(packet, query, what, query.room, body);
    if (::sendto(doors_.resolver_udp, body.data(), size, MSG_DONTWAIT | MSG_NOSIGNAL,
                 reinterpret_cast<const sockaddr*>(&from), sizeof from) < 0) {
      return;  // whoever asked has gone
    }
    return;
  }
  std::size_t size = write_answer(packet, query, what, kMaxAnswer, body);
  out[0] = static_cast<std::byte>(size >> 8);
  out[1] = static_cast<std::byte>(size & 0xff);
  DnsConnection& connection = dns_[dns];
  if (!connection.used) return;
  connection.busy = false;
  connection.deadline = now_ms() + kIdleMs;
  due(connection.deadline);
  if (::send(connection.fd, out, 2 + size, MSG_DONTWAIT | MSG_NOSIGNAL) != static_cast<ssize_t>(2 + size))
    close_dns(connection);
}

}  // namespace brig::init::egress
