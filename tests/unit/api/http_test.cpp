// Requests that break the rules, and the bounds on those that keep them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "support/server.hpp"

namespace brig::api::test {
namespace {

using testing::HasSubstr;

struct Case {
  const char* what;
  std::string bytes;
  int status;
};

TEST(Http, RefusesWhatTwoReadersMayTakeDifferently) {
  TestServer server;
  const std::string post =
      "POST /v1/sessions/fix/stop HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
  const Case cases[] = {
      {"length and chunked", post + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}", 400},
      {"chunked and length", post + "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}", 400},
      {"two lengths", post + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400},
      {"list of lengths", post + "Content-Length: 2, 2\r\n\r\n{}", 400},
      {"signed length", post + "Content-Length: +2\r\n\r\n{}", 400},
      {"hex length", post + "Content-Length: 0x2\r\n\r\n{}", 400},
      {"length out of range", post + "Content-Length: 99999999999999999999999\r\n\r\n", 400},
      {"unknown coding", post + "Transfer-Encoding: gzip\r\n\r\n", 501},
      {"coding list", post + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
      {"chunked twice", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"bad chunk size", post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", 400},
      {"chunk overrun", post + "Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n", 400},
      {"huge chunk", post + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", 400},
      {"folded line", "GET /healthz HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n", 400},
      {"bare line feed", "GET /healthz HTTP/1.1\nHost: x\r\n\r\n", 400},
      {"bare carriage return", "GET /healthz HTTP/1.1\r\nHost: x\rX: y\r\n\r\n", 400},
      {"zero byte", std::string("GET /healthz HTTP/1.1\r\nHost: x\0y\r\n\r\n", 37), 400},
      {"space before colon", "GET /healthz HTTP/1.1\r\nHost : x\r\n\r\n", 400},
      {"no host", "GET /healthz HTTP/1.1\r\n\r\n", 400},
      {"two hosts", "GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400},
      {"old version", "GET /healthz HTTP/1.0\r\nHost: x\r\n\r\n", 505},
      {"no version", "GET /healthz\r\nHost: x\r\n\r\n", 400},
      {"absolute target", "GET http://x/healthz HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"fragment", "GET /healthz#x HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"dots", "GET /v1/../healthz HTTP/1.1\r\nHost: x\r\n\r\n", 404},
      {"coded slash", "GET /v1/sessions/a%2fb HTTP/1.1\r\nHost: x\r\n\r\n", 404},
      {"empty segment", "GET //healthz HTTP/1.1\r\nHost: x\r\n\r\n", 404},
      {"cut code", "GET /v1/sessions/%a HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"not utf-8", "GET /v1/sessions/%ff HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"expectation", "GET /healthz HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\n\r\n", 417},
      {"unknown method", "BREW /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 405},
      {"body on get", "GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 400},
      {"form",
       "POST /v1/tokens HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}", 415},
      {"garbage", std::string("\x16\x03\x01\x02\0\1\0\1\r\n\r\n", 12), 400},
      {"origin", "GET /healthz HTTP/1.1\r\nHost: x\r\nOrigin: https://evil.example\r\n\r\n", 403},
  };
  for (const auto& c : cases) {
    auto client = Client::local(server);
    client.send(c.bytes);
    auto answer = client.answer();
    EXPECT_EQ(answer.status, c.status) << c.what << ": " << answer.body;
    EXPECT_EQ(answer.json().value("request_id", ""), answer.header("X-Request-Id")) << c.what;
  }
  EXPECT_FALSE(server.sessions.views["00000000000000aa"].ended);  // no body of theirs was acted on
}

TEST(Http, KeepsTheConnectionAndServesPipelinedRequestsInOrder) {
  TestServer server;
  auto client = Client::local(server);
  std::string many;
  for (int i = 0; i < 50; ++i)
    many += i % 2 == 0
                ? "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
                : "POST /v1/sessions/fix/stop HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                  "Transfer-Encoding: chunked\r\n\r\n1;x=y\r\n{\r\n1\r\n}\r\n0\r\nX-Trailer: z\r\n\r\n";
  client.send(many);
  for (int i = 0; i < 50; ++i) {
    auto answer = client.answer();
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.json().contains("status"), i % 2 == 0);
  }
  client.send(
      "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\nGET /healthz HTTP/1.1\r\nHost: "
      "x\r\n\r\n");
  EXPECT_EQ(client.answer().header("Connection"), "close");
  EXPECT_TRUE(client.at_end());
}

TEST(Http, TellsOthersMethodsAndPaths) {
  TestServer server;
  auto client = Client::local(server);
  EXPECT_EQ(client.ask("PUT", "/v1/sessions").header("Allow"), "GET, POST");
  EXPECT_EQ(client.ask("GET", "/v1/session").status, 404);
  EXPECT_EQ(client.ask("GET", "/").status, 404);
  EXPECT_EQ(client.ask("DELETE", "/v1/images/outdated").status, 404);  // a provider's name like any other
}

TEST(Http, BoundsHeadsAndBodies) {
  TestServer server([](Config& config) { config.limits.body_bytes = 64 * 1024; });
  {
    auto client = Client::local(server);
    client.send("GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + std::string(16 * 1024, 'x') + "\r\n\r\n");
    EXPECT_EQ(client.answer().status, 431);
    EXPECT_TRUE(client.at_end());
  }
  {
    auto client = Client::local(server);
    client.send("GET /" + std::string(20 * 1024, 'x'));
    EXPECT_EQ(client.answer().status, 431);
  }
  {
    auto client = Client::local(server);
    auto answer =
        client.ask("POST", "/v1/sessions", "{\"provider\": \"" + std::string(64 * 1024, 'x') + "\"}");
    EXPECT_EQ(answer.status, 413);
    EXPECT_TRUE(client.at_end());
  }
  {
    auto client = Client::local(server);
    client.send(
        "POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: "
        "chunked\r\n\r\n");
    for (int i = 0; i < 17; ++i) client.send("1000\r\n" + std::string(4096, ' ') + "\r\n");
    EXPECT_EQ(client.answer().status, 413);
  }
  {
    auto client = Client::local(server);
    EXPECT_EQ(client.ask("POST", "/v1/tokens", std::string(5000, ' ')).status,
              413);  // a smaller bound of its own
  }
  {
    auto client = Client::local(server);
    EXPECT_EQ(
        client.ask("POST", "/v1/sessions", "{\"provider\": \"shell\"}", "Expect: 100-continue\r\n").status,
        201);
  }
}

// One limit at a time: whoever is slow with one thing here may be as slow with the others.
TEST(Http, WaitsForNobodyForEver) {
  TestServer busy([](Config& config) { config.limits.idle_time = Millis{100}; });
  auto idle = Client::local(busy);
  EXPECT_TRUE(idle.at_end());
  TestServer server([](Config& config) { config.limits.head_time = Millis{100}; });
  auto slow_head = Client::local(server);
  slow_head.send("GET /healthz HT");
  EXPECT_EQ(slow_head.answer().status, 408);
  TestServer strict([](Config& config) { config.limits.body_time = Millis{100}; });
  auto slow_body = Client::local(strict);
  slow_body.send(
      "POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: "
      "9\r\n\r\n{");
  EXPECT_EQ(slow_body.answer().status, 408);
  auto half = Client::local(server);
  half.send("GET /heal");
  half.shutdown_write();
  EXPECT_TRUE(half.at_end());
}

TEST(Http, BoundsRequestsOfAConnectionAndConnections) {
  TestServer server([](Config& config) {
    config.limits.requests_per_connection = 3;
    config.limits.connections_per_uid = 2;
  });
  {
    auto client = Client::local(server);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(client.ask("GET", "/healthz").status, 200);
    EXPECT_TRUE(client.at_end());
  }
  auto first = Client::local(server);
  EXPECT_EQ(first.ask("GET", "/healthz").status, 200);
  auto second = Client::local(server);
  EXPECT_EQ(second.ask("GET", "/healthz").status, 200);
  auto third = Client::local(server);
  EXPECT_EQ(third.answer().status, 503);
  EXPECT_EQ(first.ask("GET", "/healthz").status, 200);
}

TEST(Http, BoundsTheRateOfRequests) {
  TestServer server([](Config& config) {
    config.limits.requests_per_second = 1;
    config.limits.burst = 5;
  });
  auto client = Client::local(server);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(client.ask("GET", "/healthz").status, 200);
  auto refused = client.ask("GET", "/healthz");
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.header("Retry-After"), "1");
  EXPECT_EQ(refused.json()["code"], "rate_limited");
  server.clock.advance(Millis{1000});
  EXPECT_EQ(client.ask("GET", "/healthz").status, 200);
}

TEST(Http, WhoIsRefusedPaysForAskingToo) {
  TestServer server([](Config& config) {
    config.limits.requests_per_second = 1;
    config.limits.burst = 4;
  });
  auto status = [&](const std::string& text) {
    auto client = Client::local(server);
    client.send(text);
    return client.answer().status;
  };
  const std::string stranger = "GET /healthz HTTP/1.1\r\nHost: x\r\nOrigin: https://evil.example\r\n\r\n";
  const std::string nonsense = "GET /healthz HTTP/1.1\r\nHost: x\n\r\n\r\n";
  EXPECT_EQ(status(stranger), 403);
  EXPECT_EQ(status(nonsense), 400);
  EXPECT_EQ(status(stranger), 403);
  EXPECT_EQ(status(nonsense), 400);
  EXPECT_EQ(status(stranger), 429);
  EXPECT_EQ(status(nonsense), 429);
}

TEST(Http, FinishesRequestsBeforeItStops) {
  TestServer server;
  server.sessions.delay = Millis{100};
  auto client = Client::local(server);
  auto idle = Client::local(server);
  EXPECT_EQ(idle.ask("GET", "/healthz").status, 200);
  std::string body = "{\"provider\":\"shell\"}";
  client.send("POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: " +
              std::to_string(body.size()) + "\r\n\r\n" + body);
  EXPECT_TRUE(server.eventually([&] { return server.sessions.caller.has_value(); }));
  std::thread stopping([&] { server.stop(Millis{20'000}); });
  EXPECT_EQ(client.answer().status, 201);
  EXPECT_TRUE(client.at_end());
  EXPECT_TRUE(idle.at_end());
  stopping.join();
  EXPECT_FALSE(std::filesystem::exists(server.socket_path()));
}

TEST(Http, ReplacesADeadSocketFileAndNothingElse) {
  TempDir dir;
  TestServer first;
  Config config;
  boost::asio::io_context io;
  auto start = [&](const std::filesystem::path& path) {
    config.unix_socket = UnixListener{path, std::nullopt};
    Services services{first.sessions,
                      first.workspaces,
                      first.reviews,
                      first.reach,
                      first.one_shots,
                      first.sessions,
                      first.volumes,
                      first.prunes,
                      first.standing_prunes,
                      first.footprints,
                      first.gc,
                      first.images,
                      first.providers,
                      first.identities,
                      first.doctor,
                      first.egress,
                      *first.vault,
                      first.deployed,
                      *first.gateway,
                      *first.permissions,
                      *first.audit,
                      first.policies,
                      first.tokens,
                      first.previews,
                      *first.events,
                      first.metrics,
                      first.clock,
                      {},
                      {}};
    Server server(io.get_executor(), config, services);
    return server.start();
  };
  EXPECT_EQ(start(first.socket_path()).error().code, Code::conflict);
  { std::ofstream(dir.path() / "file"); }
  EXPECT_EQ(start(dir.path() / "file").error().code, Code::conflict);
  EXPECT_EQ(start(dir.path() / std::string(200, 'x')).error().code, Code::invalid);
}

}  // namespace
}  // namespace brig::api::test
