// What a client wants, what brigd says to it, and what the client hears of that.
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "init_egress/egress.hpp"
#include "init_egress/http.hpp"
#include "init_egress/refusal.hpp"
#include "init_egress/socks.hpp"

namespace brig::init::egress {
namespace {

constexpr std::uint64_t kRetryMs = 5;
constexpr std::uint8_t kTries = 200;
constexpr std::uint64_t kLeaveMs = 2000;

bool send_all(int fd, std::string_view text) {
  ssize_t n = ::send(fd, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  return n == static_cast<ssize_t>(text.size());
}

// Takes bytes that were looked at off a socket.
bool discard(int fd, std::size_t size) {
  while (size > 0) {
    ssize_t n = ::recv(fd, scratch, size < kScratch ? size : kScratch, MSG_DONTWAIT);
    if (n <= 0) return false;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

// a.b.c.d, in host byte order.
bool read_ipv4(std::string_view text, std::uint32_t& address) {
  address = 0;
  for (int i = 0; i < 4; ++i) {
    auto part = text.substr(0, text.find('.'));
    if (part.empty() || part.size() > 3 || (i < 3) != (part.size() < text.size())) return false;
    std::uint32_t value = 0;
    for (char c : part) {
      if (c < '0' || c > '9') return false;
      value = value * 10 + static_cast<std::uint32_t>(c - '0');
    }
    if (value > 255) return false;
    address = address << 8 | value;
    text.remove_prefix(part.size() < text.size() ? part.size() + 1 : part.size());
  }
  return true;
}

}  // namespace

// The greeting stays in the client's socket until brigd has answered: it is looked at again, not kept.
void Egress::greet(Connection& connection) {
  ssize_t n = ::recv(connection.client, scratch, kMaxHead, MSG_PEEK | MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) return release(connection);
  std::string_view in(scratch, static_cast<std::size_t>(n));
  if (connection.greeted || in[0] == 5) {
    greet_socks(connection, in);
  } else if ((in[0] >= 'A' && in[0] <= 'Z') || (in[0] >= 'a' && in[0] <= 'z')) {
    greet_http(connection, in);
  } else {
    refuse(connection, Status::invalid, "this port speaks HTTP (as a proxy) and SOCKS5");
  }
}

void Egress::greet_http(Connection& connection, std::string_view in) {
  Head head;
  const char* why = nullptr;
  connection.via = Via::http_connect;
  switch (read_head(in, head, why)) {
    case Reading::more:
      return;
    case Reading::bad:
      return refuse(connection, Status::invalid, why);
    case Reading::whole:
      break;
  }
  connection.via = head.connect ? Via::http_connect : Via::http_absolute;
  connection.head = static_cast<std::uint16_t>(head.size);
  connection.port = head.port;
  if (!head.connect) connection.body.begin(head.body, head.length);
  take_name(connection, head.host);
  ask(connection, head.host);
}

void Egress::greet_socks(Connection& connection, std::string_view in) {
  connection.via = Via::socks5;
  if (!connection.greeted) {
    std::size_t size = 0;
    bool acceptable = false;
    Reading reading = read_socks_greeting(in, size, acceptable);
    if (reading == Reading::more) return;
    if (reading == Reading::bad || !discard(connection.client, size)) return release(connection);
    if (!acceptable) {
      send_all(connection.client, std::string_view("\5\xff", 2));
      return leave(connection);
    }
    if (!send_all(connection.client, std::string_view("\5\0", 2))) return release(connection);
    connection.greeted = true;
    return greet(connection);  // once: what comes next is a request
  }
  char address[kAddressText];
  SocksRequest request;
  switch (read_socks_request(in, address, request)) {
    case Reading::more:
      return;
    case Reading::bad: {
      char answer[kSocksAnswer];
      write_socks_answer(request.failure, answer);
      send_all(connection.client, {answer, sizeof answer});
      return leave(connection);
    }
    case Reading::whole:
      break;
  }
  connection.head = static_cast<std::uint16_t>(request.size);
  connection.port = request.port;
  take_name(connection, request.host);
  ask(connection, request.host);
}

// An address that the resolver gave out stands for its name.
void Egress::take_name(Connection& connection, std::string_view& host) {
  std::uint32_t address = 0;
  if (!read_ipv4(host, address)) return;
  std::size_t index = names_.find(address);
  if (index == Names::kNone) return;
  host = names_.name(index);
  if (connection.name != Names::kNone) return;
  connection.name = index;
  names_.hold(index);
}

void Egress::ask(Connection& connection, std::string_view host) {
  int line = connect_line();
  if (line == -EAGAIN) {
    if (++connection.tries > kTries) {
      return refuse(connection, Status::limit,
                    "this sandbox opens connections faster than Brig's service takes them");
    }
    connection.retry = now_ms() + kRetryMs;
    return due(connection.retry);
  }
  if (line < 0) return refuse(connection, Status::unavailable, kAway);
  Asker asker = whose_.find(connection.peer_address, connection.peer_port, false);
  egress_wire::Request request;
  request.via = connection.via;
  request.offers_socket = !no_hand_over_ && connection.via != Via::http_absolute;
  request.port = connection.port;
  request.pid = asker.pid;
  request.process = asker.process();
  request.host = host;
  std::byte frame[egress_wire::kMaxRequest];
  std::size_t size = egress_wire::write_request(request, frame);
  connection.line = line;
  if (size == 0 || !send_all(line, {reinterpret_cast<const char*>(frame), size})) {
    return refuse(connection, size == 0 ? Status::invalid : Status::unavailable,
                  size == 0 ? "the host's name is over 255 bytes" : kAway);
  }
  connection.state = Connection::State::asking;
  connection.retry = connection.deadline = 0;
  connection.line_writable = true;
  watch(line, kLine, tag_of(connection));
}

void Egress::on_reply(Connection& connection) {
  while (true) {
    egress_wire::Reply reply;
    std::size_t size = 0;
    switch (hear(connection.line, reply, size)) {
      case Heard::nothing:
        return;
      case Heard::gone:
        return refuse(connection, Status::unavailable, kAway);
      case Heard::nonsense:
        return refuse(connection, Status::unavailable, "Brig's service answered what is no answer");
      case Heard::reply:
        break;
    }
    if (reply.status != Status::ok && reply.status != Status::asking) {
      return refuse(connection, reply.status, reply.message);
    }
    bool asking = reply.status == Status::asking, hand_over = reply.hand_over;
    if (!discard(connection.line, size)) return refuse(connection, Status::unavailable, kAway);
    if (!asking) return begin(connection, hand_over);
  }
}

void Egress::begin(Connection& connection, bool wants_socket) {
  bool fine = true;
  if (connection.via == Via::http_absolute) {
    fine = pass_head(connection);
  } else if (connection.head > 0) {
    fine = discard(connection.client, connection.head);
    if (connection.via == Via::socks5) {
      char answer[kSocksAnswer];
      write_socks_answer(0, answer);
      fine = fine && send_all(connection.client, {answer, sizeof answer});
    } else {
      fine = fine && send_all(connection.client, "HTTP/1.1 200 Connection established\r\n\r\n");
    }
  }
  if (!fine) return release(connection);
  connection.state = Connection::State::open;
  if (wants_socket && hand_over(connection)) return;
  if (connection.state == Connection::State::open) {
    connection.line_readable = connection.client_readable = true;
    pump(connection);
  }
}

bool Egress::pass_head(Connection& connection) {
  ssize_t n = ::recv(connection.client, scratch, connection.head, MSG_PEEK | MSG_DONTWAIT);
  if (n != connection.head) return false;
  std::string_view in(scratch, connection.head);
  Head head;
  const char* why = nullptr;
  if (read_head(in, head, why) != Reading::whole || head.connect) return false;
  std::size_t size = rewrite_head(in, head, std::span(scratch + kMaxHead, 2 * kMaxHead));
  return size > 0 && send_all(connection.line, {scratch + kMaxHead, size}) &&
         discard(connection.client, connection.head);
}

// True: brigd has the client's socket now, or all is over.
bool Egress::hand_over(Connection& connection) {
  char go = static_cast<char>(egress_wire::Go::socket);
  iovec part{&go, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(rights), &connection.client, sizeof(int));
  if (::sendmsg(connection.line, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == 1) {
    ::close(connection.client);
    connection.client = -1;
    connection.state = Connection::State::handed_over;
    return true;
  }
  // gVisor passes no descriptors to the host.
  no_hand_over_ = true;
  go = static_cast<char>(egress_wire::Go::pipe);
  if (send_all(connection.line, {&go, 1})) return false;
  release(connection);
  return true;
}

void Egress::refuse(Connection& connection, Status status, std::string_view message) {
  if (connection.via == Via::socks5) {
    char answer[kSocksAnswer];
    write_socks_answer(socks_reply(status), answer);
    send_all(connection.client, {answer, sizeof answer});
  } else if (connection.via != Via::transparent || connection.port == 80) {
    char text[2048];
    send_all(connection.client, http_refusal(status, message, text));
  } else {
    // Nothing can be said; a reset is at least at once, and no end of a conversation that never was.
    linger now{1, 0};
    ::setsockopt(connection.client, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    return release(connection);
  }
  leave(connection);
}

// The answer must reach a client that still talks: closing with unread bytes would be a reset.
void Egress::leave(Connection& connection) {
  if (connection.state != Connection::State::leaving) {
    if (connection.line >= 0) ::close(connection.line);
    connection.line = -1;
    ::shutdown(connection.client, SHUT_WR);
    connection.state = Connection::State::leaving;
    connection.retry = 0;
    connection.deadline = now_ms() + kLeaveMs;
    due(connection.deadline);
  }
  for (int i = 0; i < 64; ++i) {
    ssize_t n = ::recv(connection.client, scratch, kScratch, MSG_DONTWAIT);
    if (n > 0 || (n < 0 && errno == EINTR)) continue;
    if (n < 0 && errno == EAGAIN) return;
    break;
  }
  release(connection);
}

}  // namespace brig::init::egress
