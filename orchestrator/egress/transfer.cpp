// From a connection that is allowed and made to its last byte.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "core/text.hpp"
#include "egress/exchange.hpp"
#include "egress/hello.hpp"
#include "egress/visit.hpp"

namespace brig::egress {
namespace {

using wire::Status;

// What the client of a connection is told that was cut before anything of it was passed on: HTTP's own
// refusal or TLS's alert "access denied".
std::string farewell(const Hello& hello, const std::string& why) {
  if (hello.is == Hello::Is::tls) return std::string("\x15\x03\x03\x00\x02\x02\x31", 7);
  if (hello.is != Hello::Is::http) return "";
  return "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: "
         "close\r\nContent-Length: " +
         std::to_string(why.size() + 1) + "\r\n\r\n" + why + "\n";
}

// Is this a connected stream socket of IPv4 or IPv6? Whoever passed it may have passed anything.
bool is_tcp(int fd) {
  auto option = [&](int name) {
    int value = -1;
    socklen_t size = sizeof value;
    return ::getsockopt(fd, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
  };
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  int domain = option(SO_DOMAIN);
  return (domain == AF_INET || domain == AF_INET6) && option(SO_TYPE) == SOCK_STREAM &&
         option(SO_PROTOCOL) == IPPROTO_TCP && option(SO_ACCEPTCONN) == 0 &&
         ::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0;
}

}  // namespace

// The client's socket, or none if it stays a pipe.
net::Task<Result<UniqueFd>> Visit::hand_over() {
  auto broken = [](const char* what) { return Error{Code::protocol, what, "egress", false}; };
  while (true) {
    std::byte go;
    iovec piece{&go, 1};
    alignas(cmsghdr) char control[CMSG_SPACE(4 * sizeof(int))];
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    auto n = ::recvmsg(socket.native_handle(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n == 0) co_return Error{Code::cancelled, "it left", "egress", false};
    if (n < 0) {
      if (errno != EAGAIN && errno != EINTR) co_return errno_error(errno, "it left", "egress");
      (void)co_await socket.async_wait(Descriptor::wait_read, net::use_result);
      continue;
    }
    std::vector<UniqueFd> passed;
    for (auto* c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
      if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
      auto count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (std::size_t i = 0; i < count; ++i) {
        int fd;
        std::memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof fd);
        passed.emplace_back(fd);
      }
    }
    // What is no socket may block whoever closes it (a FUSE file, a terminal).
    auto drop = [&] {
      auto all = std::make_shared<std::vector<UniqueFd>>(std::move(passed));
      door.shared_.closing.post([all] { all->clear(); });
    };
    if ((message.msg_flags & MSG_CTRUNC) != 0 || passed.size() > 1) {
      drop();
      co_return broken("too many descriptors");
    }
    if (go == static_cast<std::byte>(wire::Go::pipe) && passed.empty()) co_return UniqueFd();
    if (go != static_cast<std::byte>(wire::Go::socket) || passed.size() != 1 || !is_tcp(passed[0].get())) {
      drop();
      co_return broken("a hand-over of something else than a TCP socket");
    }
    co_return std::move(passed[0]);
  }
}

// What the client says first, if it may be passed on.
net::Task<Result<std::string>> Visit::check_hello() {
  std::string seen;
  if (decision.tcp && !injects) {
    if (door.about_.credentials.empty()) co_return seen;
    strays.emplace(door.about_.credentials, target);
    pump->inspect([this](std::string_view bytes) { return find_stray(bytes); });
    co_return seen;
  }
  auto deadline = Deadline::in(door.shared_.limits.hello);
  while (true) {
    BRIG_CO_TRY(auto more, co_await pump->read_near(kMaxHello, deadline));
    if (more.empty()) {
      if (seen.empty()) co_return seen;  // it wants nothing but to be gone
      co_return Error{Code::denied, "the client left in the middle of its first words", "egress", false};
    }
    seen += more;
    auto hello = read_hello(seen);
    if (hello.is == Hello::Is::more) continue;
    auto why = disagreement(hello, granted ? with_grant() : door.rules_, target);
    bool stray = false;
    if (why.empty() && hello.is == Hello::Is::http && !injects) {
      // All that the client says in the clear, from here to its last byte.
      strays.emplace(door.about_.credentials, target);
      why = find_stray(seen);
      stray = !why.empty();
      pump->inspect([this, hello](std::string_view bytes) {
        auto no = find_stray(bytes);
        if (!no.empty()) pump->write_near(farewell(hello, "Brig: " + no));
        return no;
      });
    }
    if (why.empty()) co_return seen;
    if (hello.is == Hello::Is::other && !injects) {
      auto rule = "tcp://" + to_string(target.host, target.port);
      why += "; to allow any protocol there: " + allow_command(door.about_.name, rule);
    }
    if (!stray) door.tell("egress.denied", target, process, why, "");
    pump->write_near(farewell(hello, "Brig: " + why));
    co_return Error{Code::denied, why, "egress", false};
  }
}

// "" or why these bytes may not go there; then it has been reported.
std::string Visit::find_stray(std::string_view bytes) {
  auto key = strays->next(bytes);
  return key ? door.report_stray(*key, target, process) : std::string();
}

// After a hand-over the request's connection is the line of control: its end is the transfer's.
net::Task<void> Visit::watch_control(std::shared_ptr<Passage> passing) {
  (void)co_await socket.async_wait(Descriptor::wait_read, net::use_result);
  passing->cut("the client went away");
}

net::Task<void> Visit::serve_connect() {
  if (door.visits_.size() > door.shared_.limits.connections) {
    (void)co_await refuse({Status::limit, "Brig: this session has " +
                                              std::to_string(door.shared_.limits.connections) +
                                              " connections already; close some"});
    co_return;
  }
  const auto bound = door.shared_.limits.bytes;
  if (bound != 0 && door.bytes_ >= bound) {
    (void)co_await refuse({Status::limit, "Brig: this session's bound on bytes is reached"});
    co_return;
  }
  target.port = door.port_for(target);
  injects = door.has_credential(target);
  auto no = co_await permit();
  UniqueFd far;
  if (!no) no = co_await reach(&far);
  if (no) {
    (void)co_await refuse(std::move(*no));
    co_return;
  }
  // The rules may have changed while it was dialled.
  decision = judge();
  if (decision.verdict == Decision::Verdict::allowed && address) decision = judge_address(decision, *address);
  if (decision.verdict != Decision::Verdict::allowed) {
    auto answer = denial(decision);
    (void)co_await refuse(std::move(answer));
    co_return;
  }
  wire::Reply ok;
  ok.hand_over = offers_socket;
  if (!co_await reply(ok)) co_return;
  co_await pass(std::move(far));
}

// Bytes as they are; or, where a credential is for the host, requests made anew.
net::Task<Result<void>> Visit::open_passage(UniqueFd near, UniqueFd far) {
  auto& shared = door.shared_;
  auto spend = [this](std::size_t bytes) {
    door.bytes_ += bytes;
    return door.shared_.limits.bytes == 0 || door.bytes_ <= door.shared_.limits.bytes;
  };
  if (!injects) {
    pump = std::make_shared<Pump>(shared.executor, std::move(near), std::move(far), spend);
    co_return Result<void>();
  }
  Exchange::Means means;
  means.target = target;
  BRIG_CO_TRY(means.leaf, door.about_.authority->leaf(target.host.name, shared.clock.wall()));
  means.secrets = [this] { return door.secrets_for(target); };
  means.inspect = [this](std::string_view head) {
    auto why = disagreement(read_hello(head), granted ? with_grant() : door.rules_, target);
    return why.empty() ? find_stray(head) : why;
  };
  strays.emplace(door.about_.credentials, target);
  means.connect = shared.limits.connect;
  means.hello = shared.limits.hello;
  auto host =
      std::make_unique<Outward>(shared.executor, *shared.outward, target, std::move(far), shared.authorities);
  pump =
      std::make_shared<Exchange>(shared.executor, std::move(near), std::move(host), std::move(means), spend);
  pump->inspect([this](std::string_view bytes) { return find_stray(bytes); });
  co_return Result<void>();
}

net::Task<void> Visit::pass(UniqueFd far) {
  UniqueFd near;
  if (offers_socket) {
    auto handing = hand_over();
    auto handed =
        co_await net::with_deadline(std::move(handing), Deadline::in(door.shared_.limits.request), "GO");
    if (!handed) {
      note("broken", handed.error().message);
      co_return;
    }
    near = std::move(*handed);
  }
  bool by_control = static_cast<bool>(near);
  offers_socket = by_control;
  if (!by_control) near.reset(::fcntl(socket.native_handle(), F_DUPFD_CLOEXEC, 3));
  auto opened = co_await open_passage(std::move(near), std::move(far));
  if (!opened) {
    note("broken", opened.error().message);
    co_return;
  }
  ++door.counts_.allowed;
  note("open", "");

  auto first = co_await check_hello();
  Passage::Ended ended;
  std::string outcome = "closed", detail;
  if (!first) {
    outcome = first.error().code == Code::denied ? "denied" : "cut";
    detail = first.error().message;
    if (outcome == "denied") ++door.counts_.denied;
  } else {
    if (by_control) {
      using namespace net::asio::experimental::awaitable_operators;
      auto running = pump->run(std::move(*first));
      auto watching = watch_control(pump);
      // Whichever ends first: the pump ends by itself once it is cut.
      auto both = co_await (std::move(running) || std::move(watching));
      if (both.index() == 0)
        ended = std::get<0>(std::move(both));
      else
        ended.cut = "the client went away";
    } else {
      ended = co_await pump->run(std::move(*first));
    }
    if (!ended.cut.empty()) {
      outcome = ended.denied ? "denied" : ended.broken ? "broken" : "cut";
      detail = ended.cut;
      if (ended.denied) ++door.counts_.denied;
    } else if (ended.broken) {
      outcome = "broken";
    }
  }
  note(outcome, detail);
  door.counts_.sent += pump->sent();
  // What brigd says to keep an agent's stream open is no sign of life of the session's.
  if (!door.at_mesh(target)) door.counts_.received += pump->received();
  auto& metrics = door.shared_.metrics;
  metrics.counter("brig_egress_sent_bytes_total", "Bytes out of sandboxes").add(pump->sent());
  metrics.counter("brig_egress_received_bytes_total", "Bytes into sandboxes").add(pump->received());
  if (!by_control) co_return;
  wire::Done done{outcome == "closed"   ? Status::ok
                  : outcome == "denied" ? Status::denied
                                        : Status::unavailable,
                  pump->sent(), pump->received()};
  std::byte frame[wire::kDoneSize];
  wire::write_done(done, frame);
  (void)!::send(socket.native_handle(), frame, sizeof frame, MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace brig::egress
