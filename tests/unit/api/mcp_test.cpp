// Streamable HTTP: what its headers and statuses say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/server.hpp"

namespace brig::api::test {
namespace {

using ::testing::HasSubstr;

constexpr const char* kMesh = "/v1/meshes/acme/mcp";
constexpr const char* kHello =
    R"({"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{}}})";
constexpr const char* kPing = R"({"jsonrpc":"2.0","id":1,"method":"ping"})";
const std::string kAccept = "Accept: application/json, text/event-stream\r\n";

// The headers of a session's requests.
std::string begin(Client& client, const char* path = kMesh) {
  auto answer = client.ask("POST", path, kHello, kAccept);
  EXPECT_EQ(answer.status, 200) << answer.body;
  return kAccept + "Mcp-Session-Id: " + answer.header("Mcp-Session-Id") + "\r\n";
}

TEST(Mcp, AnswersWithinASession) {
  TestServer server;
  auto client = Client::local(server);
  auto session = begin(client);
  EXPECT_EQ(client.ask("POST", kMesh, kPing, session).body, R"({"jsonrpc":"2.0","id":1,"result":{}})");
  EXPECT_EQ(client.ask("POST", kMesh, R"({"jsonrpc":"2.0","id":2,"method":"tools/list"})", session).body,
            R"({"jsonrpc":"2.0","id":2,"result":{"tools":[{"name":"mine__echo","inputSchema":{}}]}})");
  // What is answered at once comes as plain JSON, on a connection that stays.
  auto call =
      R"({"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"mine__echo","arguments":{"n":1e400}}})";
  EXPECT_EQ(client.ask("POST", kMesh, call, session).body,
            R"({"jsonrpc":"2.0","id":3,"result":{"name":"echo","arguments":{"n":1e400}}})");
  auto note = client.ask("POST", kMesh, R"({"jsonrpc":"2.0","method":"notifications/initialized"})", session);
  EXPECT_EQ(note.status, 202);
  EXPECT_EQ(note.body, "");
  EXPECT_EQ(client.ask("DELETE", kMesh, {}, session).status, 204);
  EXPECT_EQ(client.ask("POST", kMesh, kPing, session).status, 404);
}

TEST(Mcp, RefusesWhatTheProtocolRefuses) {
  TestServer server;
  auto client = Client::local(server);
  auto session = begin(client);
  EXPECT_EQ(client.ask("POST", kMesh, kPing, kAccept).status, 400);
  EXPECT_EQ(client.ask("POST", kMesh, kPing, session + "MCP-Protocol-Version: 1999-01-01\r\n").status, 400);
  EXPECT_EQ(client.ask("POST", kMesh, kPing, session + "MCP-Protocol-Version: 2025-06-18\r\n").status, 200);
  EXPECT_EQ(client.ask("POST", "/v1/meshes/acme/services/mine/mcp", kPing, session).status, 404);
  EXPECT_EQ(client.ask("POST", "/v1/meshes/other/mcp", kHello, kAccept).status, 404);
  auto bad = client.ask("POST", kMesh, R"([{"jsonrpc":"2.0","id":1,"method":"ping"}])", session);
  EXPECT_EQ(bad.status, 400);
  EXPECT_THAT(bad.body, HasSubstr(R"({"jsonrpc":"2.0","id":null,"error":{"code":-32600)"));
  EXPECT_EQ(client.ask("POST", kMesh, kPing, "Accept: application/json\r\n").status, 406);
  EXPECT_EQ(client.ask("GET", kMesh, {}, "Accept: application/json\r\n").status, 406);
  EXPECT_EQ(client.ask("GET", kMesh, {}, session + "Last-Event-ID: 7-0\r\n").status, 404);
  EXPECT_EQ(client.ask("POST", kMesh, kPing, session + "Origin: https://elsewhere.test\r\n").status, 403);
}

TEST(Mcp, StreamsWhatComesUnasked) {
  TestServer server;
  auto client = Client::local(server);
  auto session = begin(client, "/v1/meshes/acme/services/mine/mcp");
  ASSERT_TRUE(client.send("GET /v1/meshes/acme/services/mine/mcp HTTP/1.1\r\nHost: localhost\r\n" + session +
                          "\r\n"));
  std::string heard;
  while (heard.find("id: 0-0\ndata:\n\n") == std::string::npos) heard += client.receive();
  EXPECT_THAT(heard, HasSubstr("text/event-stream"));
  server.on_loop(
      [&] { server.gateway->tell("acme", "mine", "notifications/message", R"({"level":"info","data":1})"); });
  while (heard.find("id: 0-1\n") == std::string::npos) heard += client.receive();
  EXPECT_THAT(
      heard,
      HasSubstr(
          R"(data: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}})"));
}

}  // namespace
}  // namespace brig::api::test
