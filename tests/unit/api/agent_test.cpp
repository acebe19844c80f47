// Agents at the endpoint of their mesh: what they get there, and all that they do not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/server.hpp"

namespace brig::api::test {
namespace {

using ::testing::HasSubstr;

constexpr const char* kHello =
    R"({"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{}}})";
constexpr const char* kPing = R"({"jsonrpc":"2.0","id":1,"method":"ping"})";

session::Caller agent(const std::string& id = "00000000000000aa", const std::string& mesh = "acme") {
  session::Caller out;
  out.role = session::Caller::Role::user;
  out.owner = "peer:acme:ana";
  out.mesh = mesh;
  out.credential = "session:" + id;
  out.agent = SessionId(id);
  return out;
}

Answer ask(Client& client, const std::string& line, const std::string& body = {},
           const std::string& more = {}, const std::string& host = "mesh.brig.internal") {
  std::string text =
      line + " HTTP/1.1\r\nHost: " + host + "\r\nAccept: application/json, text/event-stream\r\n" + more;
  if (!body.empty())
    text += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  EXPECT_TRUE(client.send(text + "\r\n" + body));
  return client.answer();
}

std::string begin(Client& client) {
  auto answer = ask(client, "POST /mcp", kHello);
  EXPECT_EQ(answer.status, 200) << answer.body;
  return "Mcp-Session-Id: " + answer.header("Mcp-Session-Id") + "\r\n";
}

TEST(Agents, FindTheirMeshAndNothingElse) {
  TestServer server;
  auto client = Client::agent(server, agent());
  auto session = begin(client);
  EXPECT_EQ(ask(client, "POST /mcp", kPing, session).body, R"({"jsonrpc":"2.0","id":1,"result":{}})");
  EXPECT_THAT(ask(client, "POST /mcp", R"({"jsonrpc":"2.0","id":2,"method":"tools/list"})", session).body,
              HasSubstr("mine__echo"));
  std::string all;
  for (const char* path :
       {"/", "/v1/version", "/healthz", "/metrics", "/v1/sessions", "/v1/meshes/acme/mcp",
        "/v1/meshes/other/mcp", "/services/mine/mcp", "/mcp/mcp", "/MCP", "/v1/openapi.yaml"}) {
    auto answer = ask(client, std::string("GET ") + path);
    EXPECT_EQ(answer.status, 404) << path;
    auto body = answer.json();
    body.erase("request_id");
    body.erase("instance");
    if (all.empty()) all = body.dump();
    EXPECT_EQ(body.dump(), all) << path;
  }
  EXPECT_EQ(ask(client, "GET /mcp?x=1", {}, session).status, 400);
  EXPECT_EQ(ask(client, "PUT /mcp", {}, session).status, 405);
  EXPECT_EQ(ask(client, "DELETE /mcp", {}, session).status, 204);

  auto stranger = Client::agent(server, agent("00000000000000bb", "other"));
  EXPECT_EQ(ask(stranger, "POST /mcp", kHello).status, 404);
}

TEST(Agents, AreWhoTheyAreSaidToBe) {
  TestServer server;
  auto admin = server.token(session::Caller::Role::admin);
  auto client = Client::agent(server, agent());
  auto session = begin(client);
  EXPECT_EQ(ask(client, "GET /v1/tokens", {}, "Authorization: Bearer " + admin + "\r\n").status, 404);
  // Their sessions are theirs, and not those of who started them or of others that he started.
  auto other = Client::agent(server, agent("00000000000000bb"));
  EXPECT_EQ(ask(other, "POST /mcp", kPing, session).status, 404);
  auto starter = Client::local(server);
  EXPECT_EQ(starter
                .ask("POST", "/v1/meshes/acme/mcp", kPing,
                     "Accept: application/json, text/event-stream\r\n" + session)
                .status,
            404);
  EXPECT_EQ(ask(client, "POST /mcp", kPing, session).status, 200);
}

TEST(Agents, AreNoWebPages) {
  TestServer server;
  auto client = Client::agent(server, agent());
  for (const char* host : {"localhost", "mesh.brig.internal.evil.test", "127.9.0.1"}) {
    EXPECT_EQ(ask(client, "GET /mcp", {}, {}, host).status, 421) << host;
  }
  auto fresh = Client::agent(server, agent());
  EXPECT_EQ(ask(fresh, "POST /mcp", kHello, "Origin: http://mesh.brig.internal\r\n").status, 403);
}

TEST(Agents, TakeNobodysRoomAndNobodysRate) {
  TestServer server([](Config& config) {
    config.limits.connections = 2;
    config.limits.connections_per_agent = 3;
    config.limits.burst = 4;
    config.limits.requests_per_second = 0.001;
  });
  std::vector<Client> many;
  for (int i = 0; i < 3; ++i) many.push_back(Client::agent(server, agent()));
  auto session = begin(many[0]);
  auto over = Client::agent(server, agent());
  EXPECT_EQ(over.answer().status, 503);
  auto another = Client::agent(server, agent("00000000000000bb"));
  begin(another);
  // The bounds of people are untouched by it.
  auto person = Client::local(server);
  EXPECT_EQ(person.ask("GET", "/v1/version").status, 200);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(many[1], "POST /mcp", kPing, session).status, 200);
  EXPECT_EQ(ask(many[2], "POST /mcp", kPing, session).status, 429);
  EXPECT_EQ(person.ask("GET", "/v1/version").status, 200);
}

TEST(Agents, HaveFewerSessionsThanPeopleAndOneGivesWay) {
  TestServer server;
  auto client = Client::agent(server, agent());
  std::vector<std::string> begun;
  for (int i = 0; i < 17; ++i) begun.push_back(begin(client));
  std::map<int, int> answers;
  for (const auto& one : begun) ++answers[ask(client, "POST /mcp", kPing, one).status];
  EXPECT_EQ(answers, (std::map<int, int>{{200, 16}, {404, 1}}));
}

TEST(Agents, GoWithTheServer) {
  TestServer server;
  auto client = Client::agent(server, agent());
  begin(client);
  server.stop(Millis(1000));
  EXPECT_TRUE(client.at_end());
  auto late = Client::agent(server, agent());
  EXPECT_TRUE(late.at_end());
}

}  // namespace
}  // namespace brig::api::test
