// Hosts with a credential, through a real door: what the host gets, what the client gets, and what neither
// does.
#include <gmock/gmock.h>
#include <openssl/x509v3.h>

#include <fstream>

#include "entrusting.hpp"

namespace brig::egress::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class Injecting : public ::testing::Test, protected Entrusting {};

TEST_F(Injecting, PlainHttpBecomesTlsWithTheSecretInIt) {
  auto near = knock();
  near.send(get("x-api-key: " + held[0].placeholder + "\r\n"));
  auto server = host();
  ASSERT_TRUE(server.shaken());
  EXPECT_EQ(server.until("\r\n\r\n"),
            "GET /v1/me HTTP/1.1\r\nHost: " + far.at("api.test") + "\r\nx-api-key: " + kValue + "\r\n\r\n");
  server.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Echo: sk-real-0123456789!\r\n\r\nhi");
  EXPECT_EQ(until(near, "\r\n\r\nhi"),
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Echo: " + held[0].placeholder + "!\r\n\r\nhi");
  // The next one on the same connection; and a new value counts at once.
  keep("sk-new");
  near.send("POST /b HTTP/1.1\r\nHost: " + far.at("api.test") +
            "\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  EXPECT_THAT(server.until("3\r\nabc\r\n"), HasSubstr("x-api-key: sk-new\r\n\r\n3\r\nabc\r\n"));
  near.send("0\r\n\r\n");
  EXPECT_EQ(server.until("0\r\n\r\n"), "0\r\n\r\n");
  server.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nConnection: close\r\n\r\nrest");
  EXPECT_THAT(until(near, "rest"), HasSubstr("100 Continue\r\n\r\nHTTP/1.1 200 OK"));
}

TEST_F(Injecting, TlsEndsHereWithACertificateForThisSessionAlone) {
  auto near = knock();
  auto serving = std::async(std::launch::async, [&] {
    auto server = host();
    auto head = server.until("\r\n\r\n");
    server.send("HTTP/1.1 204 No Content\r\n\r\n");
    return head + server.rest();
  });
  {
    TlsPeer client(std::move(near), "api.test", directory / "session.crt", "http/1.1");
    ASSERT_TRUE(client.shaken());
    EXPECT_EQ(client.protocol(), "http/1.1");
    auto* certificate = client.certificate();
    EXPECT_EQ(X509_check_host(certificate, "api.test", 0, 0, nullptr), 1);
    EXPECT_EQ(X509_check_host(certificate, "other.test", 0, 0, nullptr), 0);
    X509_free(certificate);
    client.send(get());
    EXPECT_EQ(client.until("\r\n\r\n"), "HTTP/1.1 204 No Content\r\n\r\n");
  }
  EXPECT_THAT(serving.get(), HasSubstr(std::string("x-api-key: ") + kValue));
  // To another host the bytes pass as they are: its own certificate is seen.
  auto straight = std::async(std::launch::async, [&] { return host(3600, "other.test").shaken(); });
  TlsPeer client(knock("other.test"), "other.test", hosts->file());
  EXPECT_TRUE(client.shaken());
  EXPECT_TRUE(straight.get());
}

TEST_F(Injecting, EventsStreamAsTheyComeAndSocketsPass) {
  auto near = knock();
  near.send(get());
  auto server = host();
  server.until("\r\n\r\n");
  server.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
  until(near, "\r\n\r\n");
  for (int i = 0; i < 5; ++i) {
    server.send("9\r\ndata: " + std::to_string(i) + "\n\n\r\n");
    EXPECT_EQ(until(near, "\n\n\r\n"), "9\r\ndata: " + std::to_string(i) + "\n\n\r\n");
  }
  server.send("0\r\n\r\n");
  EXPECT_EQ(until(near, "0\r\n\r\n"), "0\r\n\r\n");
  near.send(get("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n") + "early");
  EXPECT_THAT(server.until("\r\n\r\n"), HasSubstr("Upgrade: websocket"));
  server.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nfirst");
  EXPECT_THAT(until(near, "first"), HasSubstr("101 Switching"));
  near.send("a frame");
  EXPECT_EQ(server.read(12), "earlya frame");  // nothing of it before the host had agreed
  server.send("another");
  EXPECT_EQ(near.read(7), "another");
}

TEST_F(Injecting, AClientThatLeavesTakesTheRequestAlong) {
  auto near = knock();
  near.send(get());
  auto server = host();
  server.until("\r\n\r\n");
  server.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  until(near, "\r\n\r\n");
  near.close();
  EXPECT_EQ(server.rest(), "");
  EXPECT_TRUE(house->comes_to("open broken"));
}

TEST_F(Injecting, AHostThatCannotProveWhoItIsGetsNothing) {
  for (auto [valid_for, name] : {std::pair(3600L, "evil.test"), std::pair(-3600L, "api.test")}) {
    auto near = knock();
    near.send(get());
    auto serving = std::async(
        std::launch::async, [&, valid_for = valid_for, name = name] { return host(valid_for, name).rest(); });
    auto answer = near.rest();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 502 Bad Gateway\r\n"));
    EXPECT_THAT(answer, HasSubstr("cannot prove who it is"));
    EXPECT_THAT(answer, Not(HasSubstr(kValue)));
    EXPECT_EQ(serving.get(), "");
  }
}

TEST_F(Injecting, WithoutTheValueTheClientIsToldHowToSetIt) {
  ASSERT_TRUE(house->wait(vault->remove({"uid:1000", ""}, "KEY", false)));
  auto near = knock();
  near.send(get());
  auto server = host();
  auto answer = near.rest();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 403 Forbidden\r\n"));
  EXPECT_THAT(answer, HasSubstr("'brig vault set KEY'"));
  EXPECT_EQ(server.rest(), "");
  EXPECT_TRUE(house->comes_to("open denied"));
}

TEST_F(Injecting, WhatTwoCouldReadTwoWaysReachesNoHost) {
  const std::string host_line = "Host: " + far.at("api.test") + "\r\n";
  const std::string bad[] = {
      "POST /a HTTP/1.1\r\n" + host_line + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "POST /a HTTP/1.1\r\n" + host_line + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
      "TRACE /a HTTP/1.1\r\n" + host_line + "\r\n",
      "GET http://other.test/ HTTP/1.1\r\n" + host_line + "\r\n"};
  for (const auto& request : bad) {
    auto near = knock();
    near.send(get());
    auto server = host();
    server.until("\r\n\r\n");
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    until(near, "\r\n\r\n");
    near.send(request);
    EXPECT_THAT(near.rest(), StartsWith("HTTP/1.1 400 Bad Request\r\n")) << request;
    EXPECT_EQ(server.rest(), "") << request;
  }
  // Another host's name on a connection to this one.
  auto near = knock();
  near.send(get());
  auto server = host();
  server.until("\r\n\r\n");
  server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  until(near, "\r\n\r\n");
  near.send("GET / HTTP/1.1\r\nHost: " + far.at("other.test") + "\r\n\r\n");
  EXPECT_THAT(near.rest(), StartsWith("HTTP/1.1 403 Forbidden\r\n"));
  EXPECT_EQ(server.rest(), "");
}

TEST_F(Injecting, APlaceholderSentElsewhereIsRefusedAndReported) {
  auto near = knock("other.test");
  near.send("GET /?k=" + held[0].placeholder + " HTTP/1.1\r\nHost: " + far.at("other.test") + "\r\n\r\n");
  auto answer = near.rest();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 403 Forbidden\r\n"));
  EXPECT_THAT(answer, HasSubstr("the placeholder of 'KEY' was sent to other.test"));
  EXPECT_EQ(far.accept().rest(), "");
  ASSERT_TRUE(house->comes_to("open denied"));
  auto told = house->on([&] { return house->events; });
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].kind, "egress.placeholder");
  EXPECT_THAT(told[0].detail, Not(HasSubstr(kValue)));
  EXPECT_THAT(house->on([&] { return house->metrics.text(); }),
              HasSubstr("brig_egress_placeholders_total 1"));
}

TEST_F(Injecting, PortEightyStandsForTls) {
  EXPECT_EQ(house->ask("api.test", 80).second.status, Status::denied);  // its credential is for another port
  Target secure{Host{"api.test", {}}, 443};
  house->on([&] { house->door->set_rules(rules({"api.test:443"})); });
  EXPECT_EQ(house->ask("api.test", 80).second.status, Status::denied);
}

// To a host that its secret is not for, in the clear: in the head of any request, and in any body.
TEST_F(Injecting, APlaceholderLaterOnAConnectionIsRefusedToo) {
  for (const auto& more : std::vector<std::string>{
           "GET /?k=" + held[0].placeholder + " HTTP/1.1\r\nHost: other.test\r\n\r\n",
           "POST / HTTP/1.1\r\nHost: other.test\r\nContent-Length: 60\r\n\r\nkey=" + held[0].placeholder}) {
    auto near = knock("other.test");
    near.send("GET /1 HTTP/1.1\r\nHost: " + far.at("other.test") + "\r\n\r\n");
    auto server = far.accept();
    EXPECT_THAT(until(server, "\r\n\r\n"), StartsWith("GET /1 "));
    server.send("HTTP/1.1 204 No Content\r\n\r\n");
    EXPECT_EQ(until(near, "\r\n\r\n"), "HTTP/1.1 204 No Content\r\n\r\n");
    auto border = more.find("placeholder-") + 20;
    near.send(more.substr(0, border));
    auto passed = server.read(border);
    EXPECT_EQ(passed, more.substr(0, border));
    near.send(more.substr(border));
    EXPECT_EQ(server.rest(), "");
    EXPECT_THAT(near.rest(), HasSubstr("the placeholder of 'KEY' was sent to other.test"));
  }
  EXPECT_TRUE(house->comes_to("open denied open denied"));
  EXPECT_EQ(house->on([&] { return house->events.size(); }), 2u);
}

TEST_F(Injecting, APlaceholderInABodyOfAnotherCredentialsHostIsRefused) {
  auto near = knock();
  near.send("POST / HTTP/1.1\r\nHost: " + far.at("api.test") +
            "\r\nContent-Length: 120\r\n\r\nmine is fine: " + held[0].placeholder);
  auto server = host();
  EXPECT_THAT(server.until("mine is fine: " + held[0].placeholder), HasSubstr("x-api-key: "));
  near.send(new_placeholder());
  EXPECT_EQ(server.rest(), "");
  EXPECT_THAT(near.rest(), HasSubstr("HTTP/1.1 403 Forbidden\r\n"));
  EXPECT_TRUE(house->comes_to("open denied"));
}

TEST_F(Injecting, NewRulesCutIt) {
  auto near = knock();
  near.send(get());
  auto server = host();
  server.until("\r\n\r\n");
  house->on([&] { house->door->set_rules(rules({})); });
  EXPECT_EQ(server.rest(), "");
  EXPECT_EQ(near.rest(), "");
  EXPECT_TRUE(house->comes_to("open cut"));
}

}  // namespace
}  // namespace brig::egress::testing
