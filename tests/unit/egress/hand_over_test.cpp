// The client's own socket, handed over; and everything else that may be handed over instead.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/eventfd.h>

#include "house.hpp"

namespace brig::egress::testing {
namespace {

void go(const Socket& control, char byte, std::vector<int> fds) {
  iovec piece{&byte, 1};
  alignas(cmsghdr) char buffer[CMSG_SPACE(8 * sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  if (!fds.empty()) {
    message.msg_control = buffer;
    message.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
    auto* c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
    std::memcpy(CMSG_DATA(c), fds.data(), fds.size() * sizeof(int));
  }
  ASSERT_EQ(::sendmsg(control.get(), &message, MSG_NOSIGNAL), 1);
}

// Two ends of a TCP connection.
std::pair<Socket, Socket> tcp_pair() {
  Listener listener;
  Socket client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_port = htons(listener.port());
  in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&in), sizeof in), 0);
  return {std::move(client), listener.accept()};
}

struct Given {
  Listener far;
  House house;
  Given() : house(rules({"tcp://" + far.at("a.test"), far.at("127.0.0.1")})) {
    house.resolver.answers["a.test"] = {{"127.0.0.1"}};
  }
  std::pair<Socket, Reply> offered() { return house.ask("a.test", far.port(), true); }
};

TEST(HandOver, PumpsTheClientsOwnSocket) {
  Given given;
  auto [control, said] = given.offered();
  ASSERT_EQ(said.status, Status::ok);
  ASSERT_TRUE(said.hand_over);
  auto [client, inside] = tcp_pair();
  auto server = given.far.accept();
  go(control, 'S', {inside.get()});
  inside.close();
  client.send("hello");
  EXPECT_EQ(server.read(5), "hello");
  server.send("you too");
  server.close();
  EXPECT_EQ(client.rest(), "you too");
  client.close();
  auto done_bytes = control.rest();
  egress_wire::Done done;
  egress_wire::Fault fault;
  auto in = std::as_bytes(std::span(done_bytes));
  ASSERT_EQ(egress_wire::read_done(in, done, fault), egress_wire::Read::frame);
  EXPECT_EQ(done.status, Status::ok);
  EXPECT_EQ(done.sent, 5u);
  EXPECT_EQ(done.received, 7u);
}

TEST(HandOver, EndsWithItsLineOfControl) {
  Given given;
  auto [control, said] = given.offered();
  auto [client, inside] = tcp_pair();
  auto server = given.far.accept();
  go(control, 'S', {inside.get()});
  inside.close();
  client.send("x");
  EXPECT_EQ(server.read(1), "x");
  control.close();
  EXPECT_EQ(server.rest(), "");
  EXPECT_EQ(client.rest(), "");
  EXPECT_TRUE(given.house.comes_to("open cut"));
}

TEST(HandOver, MayBeAPipeAfterAll) {
  Given given;
  auto [control, said] = given.offered();
  go(control, 'P', {});
  control.send("hello");
  auto server = given.far.accept();
  EXPECT_EQ(server.read(5), "hello");
  server.send("x");
  EXPECT_EQ(control.read(1), "x");
}

TEST(HandOver, TakesNothingButAConnectedTcpSocket) {
  Given given;
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  UniqueFd unix_a(pair[0]), unix_b(pair[1]);
  UniqueFd file(::open("/dev/zero", O_RDWR | O_CLOEXEC)), event(::eventfd(0, EFD_CLOEXEC));
  UniqueFd udp(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)),
      unconnected(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  Listener listening;
  auto [client, inside] = tcp_pair();
  std::vector<std::pair<char, std::vector<int>>> bad = {{'S', {unix_a.get()}},
                                                        {'S', {file.get()}},
                                                        {'S', {event.get()}},
                                                        {'S', {udp.get()}},
                                                        {'S', {unconnected.get()}},
                                                        {'S', {}},
                                                        {'P', {inside.get()}},
                                                        {'S', {inside.get(), inside.get()}},
                                                        {'X', {}}};
  for (const auto& [byte, fds] : bad) {
    auto [control, said] = given.offered();
    ASSERT_EQ(said.status, Status::ok);
    auto server = given.far.accept();
    go(control, byte, fds);
    EXPECT_EQ(control.rest(), "");
    EXPECT_EQ(server.rest(), "");
  }
}

// Whoever shares the socket's flags can take O_NONBLOCK away at any moment: nobody else may have to wait for
// it.
TEST(HandOver, NeverWaitsInACall) {
  Given given;
  auto [control, said] = given.offered();
  auto [client, inside] = tcp_pair();
  auto server = given.far.accept();
  go(control, 'S', {inside.get()});
  client.send("x");
  EXPECT_EQ(server.read(1), "x");
  std::atomic<bool> over = false;
  std::thread meddler([&] {
    while (!over) ::fcntl(inside.get(), F_SETFL, 0);
  });
  for (int i = 0; i < 200; ++i) {
    client.send("ping");
    EXPECT_EQ(server.read(4), "ping");
    server.send("pong");
    EXPECT_EQ(client.read(4), "pong");
    EXPECT_EQ(given.house.on([] { return 1; }), 1);
  }
  over = true;
  meddler.join();
}

}  // namespace
}  // namespace brig::egress::testing
