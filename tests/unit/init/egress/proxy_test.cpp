// The proxy on 127.0.0.1:3128: CONNECT, absolute targets and SOCKS5, allowed and refused.
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "inside.hpp"

namespace brig::init::egress {
namespace {

Verdict allow(const Heard&) {
  return {};
}

Verdict deny(const Heard& heard) {
  return {Status::denied, heard.host + " is not allowed\nbrig egress allow fix " + heard.host, {}, false};
}

// Each way of passing bytes: through brig-init, and by brigd itself.
class Ways : public Inside, public ::testing::WithParamInterface<bool> {};
INSTANTIATE_TEST_SUITE_P(Proxy, Ways, ::testing::Values(false, true),
                         [](const auto& info) { return info.param ? "HandedOver" : "Piped"; });

TEST_P(Ways, ConnectPassesBytesBothWaysAndEndsThemOneByOne) {
  FakeBrigd brigd(egress_path(), allow);
  brigd.wants_sockets = GetParam();
  std::uint16_t port = 0;
  auto listener = listen(port);
  brigd.upstream = port;
  start();
  auto client = proxy();
  say(client,
      "CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\nProxy-Connection: "
      "x\r\n\r\nearly ");
  EXPECT_EQ(hear(client, "\r\n\r\n"), "HTTP/1.1 200 Connection established\r\n\r\n");
  auto far = accept(listener);
  say(client, "bytes");
  EXPECT_EQ(hear_exactly(far, 11), "early bytes");
  ::shutdown(client.get(), SHUT_WR);
  EXPECT_EQ(hear_all(far), "");
  std::string much(3'000'000, 'x');
  std::thread sender([&] {
    say(far, much);
    ::shutdown(far.get(), SHUT_WR);
  });
  EXPECT_EQ(hear_all(client), much);
  sender.join();
  auto heard = brigd.heard();
  ASSERT_EQ(heard.size(), 1u);
  EXPECT_EQ(heard[0].host, "api.example.com");
  EXPECT_EQ(heard[0].request.port, 443);
  EXPECT_EQ(heard[0].request.via, Via::http_connect);
  EXPECT_EQ(heard[0].request.pid, static_cast<std::uint32_t>(::getpid()));
  EXPECT_EQ(heard[0].process, "init_egress_tes");
  EXPECT_EQ(brigd.handed_over, GetParam() ? 1 : 0);
}

TEST_P(Ways, BytesGoUpAsWell) {
  FakeBrigd brigd(egress_path(), allow);
  brigd.wants_sockets = GetParam();
  std::uint16_t port = 0;
  auto listener = listen(port);
  brigd.upstream = port;
  start();
  auto client = proxy();
  say(client, std::string("\5\1\0", 3));
  EXPECT_EQ(hear_exactly(client, 2), std::string("\5\0", 2));
  say(client, std::string("\5\1\0\3\x09h.example\x01\xbb", 16));
  EXPECT_EQ(hear_exactly(client, 10), std::string("\5\0\0\1\0\0\0\0\0\0", 10));
  auto far = accept(listener);
  say(far, "server first");
  EXPECT_EQ(hear_exactly(client, 12), "server first");
  std::string much(3'000'000, 'u');
  std::thread sender([&] {
    say(client, much);
    ::shutdown(client.get(), SHUT_WR);
  });
  EXPECT_EQ(hear_all(far), much);
  sender.join();
  EXPECT_EQ(brigd.heard().at(0).request.via, Via::socks5);
  EXPECT_EQ(brigd.heard().at(0).request.port, 443);
  EXPECT_EQ(brigd.heard().at(0).host, "h.example");
}

using Proxy = Inside;

TEST_F(Proxy, RefusalsAreReadable) {
  FakeBrigd brigd(egress_path(), deny);
  start();
  auto client = proxy();
  say(client, "CONNECT evil.example:443 HTTP/1.1\r\n\r\n");
  auto answer = hear_all(client);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 403 evil.example is not allowed\r\n")) << answer;
  EXPECT_NE(answer.find("Content-Type: text/plain"), answer.npos);
  EXPECT_TRUE(answer.ends_with("\r\n\r\nevil.example is not allowed\nbrig egress allow fix evil.example\n"))
      << answer;
  client = proxy();
  say(client, "GET http://evil.example/x HTTP/1.1\r\nHost: evil.example\r\n\r\n");
  EXPECT_TRUE(hear_all(client).starts_with("HTTP/1.1 403 "));
  client = proxy();
  say(client, std::string("\5\1\0", 3));
  hear_exactly(client, 2);
  say(client, std::string("\5\1\0\1\x0a\1\2\3\0\x50", 10));
  EXPECT_EQ(hear_all(client), std::string("\5\2\0\1\0\0\0\0\0\0", 10));
  EXPECT_EQ(brigd.heard().back().host, "10.1.2.3");
  client = proxy();
  say(client, std::string("\5\1\0", 3));
  hear_exactly(client, 2);
  say(client, std::string("\5\1\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\x50", 22));
  EXPECT_EQ(hear_all(client).substr(0, 2), std::string("\5\2", 2));
  EXPECT_EQ(brigd.heard().back().host, "::1");
}

TEST_F(Proxy, SocksRefusesWhatItCannot) {
  FakeBrigd brigd(egress_path(), allow);
  start();
  auto client = proxy();
  say(client, std::string("\5\1\2", 3));  // a password only
  EXPECT_EQ(hear_all(client), "\5\xff");
  client = proxy();
  say(client, std::string("\5\1\0\5\2\0\1\1\2\3\4\0\x50", 13));  // BIND
  EXPECT_EQ(hear_all(client).substr(0, 4), std::string("\5\0\5\7", 4));
  EXPECT_TRUE(brigd.heard().empty());
}

TEST_F(Proxy, AbsoluteTargetsAreRewrittenForTheOrigin) {
  FakeBrigd brigd(egress_path(), allow);
  std::uint16_t port = 0;
  auto listener = listen(port);
  brigd.upstream = port;
  brigd.wants_sockets = true;  // is not offered one: what is said is read here
  start();
  auto client = proxy();
  say(client,
      "POST http://H.example:8080/a/b?c HTTP/1.1\r\nHost: h.example:8080\r\nProxy-Authorization: Basic "
      "eA==\r\n"
      "Connection: X-Hop, keep-alive\r\nX-Hop: 1\r\nX-End: 2\r\nContent-Length: 4\r\n\r\nbodyGET "
      "http://other.example/ HTTP/1.1\r\n\r\n");
  auto far = accept(listener);
  EXPECT_EQ(hear(far, "body"),
            "POST /a/b?c HTTP/1.1\r\nHost: H.example:8080\r\nX-End: 2\r\nContent-Length: 4\r\nConnection: "
            "close\r\n\r\nbody");
  say(far, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  // What followed the request is nobody's: this connection was for one request.
  pollfd quiet{far.get(), POLLIN, 0};
  EXPECT_EQ(hear_exactly(client, 40), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  EXPECT_EQ(::poll(&quiet, 1, 0), 0);
  far.reset();
  EXPECT_EQ(hear_all(client), "");
  EXPECT_EQ(brigd.heard().size(), 1u);
  EXPECT_EQ(brigd.heard()[0].host, "H.example");
  EXPECT_EQ(brigd.heard()[0].request.port, 8080);
}

TEST_F(Proxy, ChunkedBodiesAndUpgradesPass) {
  FakeBrigd brigd(egress_path(), allow);
  std::uint16_t port = 0;
  auto listener = listen(port);
  brigd.upstream = port;
  start();
  auto client = proxy();
  say(client, "POST http://h.example HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nab");
  auto far = accept(listener);
  EXPECT_EQ(hear(far, "\r\nab"),
            "POST / HTTP/1.1\r\nHost: h.example\r\nTransfer-Encoding: chunked\r\nConnection: "
            "close\r\n\r\n3;x=y\r\nab");
  say(client, "c\r\n0\r\nTrailer: 1\r\n\r\nMORE");
  EXPECT_EQ(hear(far, "\r\n\r\n"), "c\r\n0\r\nTrailer: 1\r\n\r\n");
  far.reset();
  EXPECT_EQ(hear_all(client), "");

  client = proxy();
  say(client,
      "GET http://h.example/ws HTTP/1.1\r\nHost: h.example\r\nConnection: Upgrade\r\nUpgrade: "
      "websocket\r\n\r\n");
  far = accept(listener);
  EXPECT_EQ(hear(far, "\r\n\r\n"),
            "GET /ws HTTP/1.1\r\nHost: h.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
  say(far, "HTTP/1.1 101 Switching Protocols\r\n\r\n");
  hear(client, "\r\n\r\n");
  say(client, "frame");
  EXPECT_EQ(hear_exactly(far, 5), "frame");
}

TEST_F(Proxy, WhatIsNoRequestIsToldSo) {
  FakeBrigd brigd(egress_path(), allow);
  start();
  for (const char* bad : {
           "GET / HTTP/1.1\r\nHost: h.example\r\n\r\n",
           "GET https://h.example/ HTTP/1.1\r\n\r\n",
           "CONNECT h.example HTTP/1.1\r\n\r\n",
           "CONNECT h.example:0 HTTP/1.1\r\n\r\n",
           "CONNECT h.example:443 HTTP/2.0\r\n\r\n",
           "CONNECT h.example:443 HTTP/1.1\r\nHost: other.example\r\n\r\n",
           "GET http://h.example/ HTTP/1.1\r\nHost: other.example\r\n\r\n",
           "GET http://h.example/ HTTP/1.1\r\nHost: h.example:81\r\n\r\n",
           "GET http://h.example/ HTTP/1.1\r\nHost: h.example\r\nHost: h.example\r\n\r\n",
           "GET http://u@h.example/ HTTP/1.1\r\n\r\n",
           "GET http://h.example/ HTTP/1.1\r\nA : b\r\n\r\n",
           "GET http://h.example/ HTTP/1.1\r\n folded\r\n\r\n",
           "GET http://h.example/ HTTP/1.1\nHost: h.example\n\n",
           "POST http://h.example/ HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
           "POST http://h.example/ HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
           "POST http://h.example/ HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
           "POST http://h.example/ HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
           "\x16\x03\x01",
       }) {
    auto client = proxy();
    say(client, bad);
    EXPECT_TRUE(hear_all(client).starts_with("HTTP/1.1 400 ")) << bad;
  }
  auto client = proxy();
  say(client, "GET http://h.example/ HTTP/1.1\r\nX: " + std::string(20'000, 'x'));
  EXPECT_TRUE(hear_all(client).starts_with("HTTP/1.1 400 the request's head is over 16 KiB"));
  EXPECT_TRUE(brigd.heard().empty());
}

TEST_F(Proxy, WhenBrigdIsAwayClientsAreToldAndWhenItIsBackItWorks) {
  start();
  auto client = proxy();
  say(client, "CONNECT h.example:443 HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(hear_all(client).starts_with("HTTP/1.1 503 Brig's service is away"));
  std::uint16_t port = 0;
  auto listener = listen(port);
  {
    FakeBrigd brigd(egress_path(), allow);
    brigd.upstream = port;
    client = proxy();
    say(client, "CONNECT h.example:443 HTTP/1.1\r\n\r\n");
    EXPECT_TRUE(hear(client, "\r\n\r\n").starts_with("HTTP/1.1 200 "));
    auto far = accept(listener);
  }
  EXPECT_EQ(hear_all(client), "");  // cut with brigd, which had the far end
  client = proxy();
  say(client, "CONNECT h.example:443 HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(hear_all(client).starts_with("HTTP/1.1 503 "));  // a socket nobody listens on
}

TEST_F(Proxy, WaitsWhileSomebodyIsAsked) {
  FakeBrigd brigd(egress_path(), [](const Heard&) {
    return Verdict{Status::denied, "the answer was no", {}, true};
  });
  start();
  auto client = proxy();
  say(client, "CONNECT h.example:443 HTTP/1.1\r\n\r\n");
  while (brigd.heard().empty()) std::this_thread::yield();
  pollfd quiet{client.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&quiet, 1, 0), 0);
  brigd.go_on = true;
  EXPECT_TRUE(hear_all(client).starts_with("HTTP/1.1 403 the answer was no\r\n"));
}

TEST_F(Proxy, AClientThatGoesAwayWithdrawsItsQuestion) {
  std::atomic<bool> withdrawn{false};
  FakeBrigd brigd(egress_path(), allow);
  brigd.raw = [&](int line) {
    std::byte out[egress_wire::kMaxReply];
    egress_wire::Reply asking;
    asking.status = Status::asking;
    ::send(line, out, egress_wire::write_reply(asking, out), MSG_NOSIGNAL);
    char piece[512];
    while (wait_readable(line) && ::recv(line, piece, sizeof piece, 0) > 0) {
    }
    withdrawn = true;
  };
  start();
  auto client = proxy();
  say(client, "CONNECT h.example:443 HTTP/1.1\r\n\r\n");
  client.reset();
  while (!withdrawn) std::this_thread::yield();
}

TEST_F(Proxy, ABrigdThatAnswersNonsenseIsNotBelieved) {
  FakeBrigd brigd(egress_path(), allow);
  std::string nonsense;
  std::mutex mutex;
  brigd.raw = [&](int line) {
    std::lock_guard lock(mutex);
    char piece[512];
    if (::recv(line, piece, sizeof piece, 0) <= 0) return;
    ::send(line, nonsense.data(), nonsense.size(), MSG_NOSIGNAL);
  };
  start();
  for (std::string text :
       {std::string("HTTP/1.1 200 OK\r\n\r\n"), std::string(5000, 'B'), std::string("BRGE"), std::string(),
        std::string("BRGE\1\0\0\0\xff\xff\0\0", 12), std::string("BRGE\1\1\0\0\4\0\0\0\x1b[2J", 16)}) {
    {
      std::lock_guard lock(mutex);
      nonsense = text;
    }
    auto client = proxy();
    say(client, "CONNECT h.example:443 HTTP/1.1\r\n\r\n");
    EXPECT_TRUE(hear_all(client).starts_with("HTTP/1.1 503 ")) << testing::PrintToString(text);
  }
}

TEST_F(Proxy, IsThereAgainAfterItsProcessWasKilled) {
  FakeBrigd brigd(egress_path(), deny);
  start();
  pid_t first = helper();
  ASSERT_EQ(::kill(first, SIGTERM), 0);  // is ignored
  ASSERT_EQ(::kill(first, SIGKILL), 0);
  // The socket that listens is process 1's: who connects meanwhile waits, and is served.
  auto client = proxy();
  say(client, "CONNECT h.example:443 HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(hear_all(client).starts_with("HTTP/1.1 403 "));
  EXPECT_NE(helper(), first);
}

TEST_F(Proxy, HasALimitOfConnectionsAndSaysSo) {
  FakeBrigd brigd(egress_path(), deny);
  start(256);  // (256 - 32) / 4 connections
  std::vector<UniqueFd> idle;
  for (int i = 0; i < 56; ++i) {
    idle.push_back(proxy());
    // It has a place once it is answered.
    say(idle.back(), std::string("\5\1\0", 3));
    EXPECT_EQ(hear_exactly(idle.back(), 2), std::string("\5\0", 2)) << i;
  }
  auto one_more = proxy();
  EXPECT_TRUE(hear_all(one_more).starts_with("HTTP/1.1 503 this sandbox has too many connections"));
  idle.clear();
  while (true) {
    auto client = proxy();
    say(client, "CONNECT h.example:443 HTTP/1.1\r\n\r\n");
    if (hear_all(client).starts_with("HTTP/1.1 403 ")) break;
  }
}

TEST_F(Proxy, HundredsOfStuckConnectionsCostLittle) {
  FakeBrigd brigd(egress_path(), allow);
  std::uint16_t port = 0;
  auto listener = listen(port);
  brigd.upstream = port;
  start(8192);
  std::vector<UniqueFd> clients, fars;
  for (int i = 0; i < 300; ++i) {
    clients.push_back(proxy());
    say(clients.back(), "CONNECT h.example:443 HTTP/1.1\r\n\r\n");
    EXPECT_TRUE(hear(clients.back(), "\r\n\r\n").starts_with("HTTP/1.1 200 "));
    fars.push_back(accept(listener));
  }
  // Nobody reads: what is sent stays in the kernel, at most as much as it takes.
  std::string piece(65536, 'x');
  for (std::size_t i = 0; i < 20; ++i) {
    auto& far = fars[i];
    while (::send(far.get(), piece.data(), piece.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
    }
  }
  EXPECT_LT(rss_kb(helper()), 1024);
  // And it still serves.
  auto client = proxy();
  say(client, "CONNECT h.example:443 HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(hear(client, "\r\n\r\n").starts_with("HTTP/1.1 200 "));
}

}  // namespace
}  // namespace brig::init::egress
