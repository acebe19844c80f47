// Answers that go on: logs and builds. And the metrics that all of it leaves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/schema.hpp"
#include "support/server.hpp"

namespace brig::api::test {
namespace {

using testing::HasSubstr;

std::vector<nlohmann::json> lines_of(const std::string& text) {
  std::vector<nlohmann::json> out;
  for (std::size_t at = 0; at < text.size();) {
    auto end = text.find('\n', at);
    out.push_back(nlohmann::json::parse(text.substr(at, end - at), nullptr, false));
    at = end + 1;
  }
  return out;
}

void play(TestServer& server) {
  auto script = server.script();
  server.on_loop([&] {
    script->print("caf\xc3\xa9\n");
    script->print("\xff\xfe", session::Output::Stream::err);
    script->print("cut \xc3");
    script->push(
        {.kind = Script::Step::Kind::gap, .bytes = {}, .a = 13, .b = 20, .outcome = {}, .error = {}});
    script->end({session::Outcome::Kind::signaled, 0, 9, ""});
  });
}

TEST(Logs, GiveTheBytesAsTheyAre) {
  TestServer server;
  play(server);
  auto client = Client::local(server);
  auto answer = client.ask("GET", "/v1/sessions/fix/logs?follow&from=3");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("Content-Type"), "application/octet-stream");
  EXPECT_TRUE(answer.complete);
  EXPECT_EQ(answer.body,
            "caf\xc3\xa9\n\xff\xfe"
            "cut \xc3");
  EXPECT_TRUE(server.script()->spec.follow);
  EXPECT_EQ(server.script()->spec.offset, 3u);
  EXPECT_FALSE(server.script()->spec.write);
  EXPECT_TRUE(server.eventually([&] { return server.script()->attached == 0; }));
}

TEST(Logs, GiveLinesThatNameStreamAndOffset) {
  TestServer server;
  Document document;
  play(server);
  auto client = Client::local(server);
  auto answer = client.ask("GET", "/v1/sessions/fix/logs?format=ndjson");
  EXPECT_FALSE(server.script()->spec.follow);
  auto lines = lines_of(answer.body);
  ASSERT_EQ(lines.size(), 6u) << answer.body;
  for (const auto& line : lines) EXPECT_EQ(document.mismatch("/components/schemas/LogLine", line), "");
  EXPECT_EQ(lines[0]["data"], "caf\xc3\xa9\n");
  EXPECT_EQ(lines[1]["data_b64"], "//4=");
  EXPECT_EQ(lines[1]["stream"], "stderr");
  EXPECT_EQ(lines[2]["data"], "cut ");
  EXPECT_EQ(lines[3]["data_b64"], "ww==");
  EXPECT_EQ(lines[3]["offset"], 12);
  EXPECT_EQ(lines[5]["end"]["outcome"]["exit_code"], 137);
}

TEST(Logs, BreakOffWhenTheyFail) {
  TestServer server;
  auto fail = [&] {
    Script::Step step;
    step.kind = Script::Step::Kind::error;
    step.error = Error{Code::corrupt, "damaged", "", false};
    server.script()->print("so far");
    server.script()->push(step);
  };
  server.on_loop(fail);
  auto raw = Client::local(server).ask("GET", "/v1/sessions/fix/logs");
  EXPECT_EQ(raw.body, "so far");
  EXPECT_FALSE(raw.complete);
  server.on_loop(fail);
  auto lines = Client::local(server).ask("GET", "/v1/sessions/fix/logs?format=ndjson");
  EXPECT_TRUE(lines.complete);
  EXPECT_EQ(lines_of(lines.body).back()["error"]["code"], "corrupt");
}

TEST(Logs, AreLetGoWhenTheReaderIsGone) {
  TestServer server;
  auto client = Client::local(server);
  client.send("GET /v1/sessions/fix/logs?follow=1 HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(server.eventually([&] { return server.script()->attached == 1; }));
  client.drop();
  EXPECT_TRUE(server.eventually([&] { return server.script()->attached == 0; }));
  for (const char* query : {"process=0", "process=x", "from=-1", "format=xml", "follow=2"})
    EXPECT_EQ(Client::local(server).ask("GET", std::string("/v1/sessions/fix/logs?") + query).status, 400)
        << query;
}

TEST(Builds, TellHowTheyGoAndEnd) {
  TestServer server;
  Document document;
  auto client = Client::local(server);
  auto answer = client.ask("POST", "/v1/images/shell/build", R"({"no_cache": true})");
  EXPECT_EQ(answer.header("Content-Type"), "application/x-ndjson");
  auto lines = lines_of(answer.body);
  ASSERT_EQ(lines.size(), 4u) << answer.body;
  for (const auto& line : lines) EXPECT_EQ(document.mismatch("/components/schemas/BuildLine", line), "");
  EXPECT_EQ(lines[0]["progress"]["step"], "Step 0");
  EXPECT_EQ(lines[3]["done"]["provider"], "shell");

  server.on_loop([&] { server.images.build_failure = Error{Code::unavailable, "no engine", "", true}; });
  auto failed = lines_of(Client::local(server).ask("POST", "/v1/images/shell/build").body);
  EXPECT_EQ(document.mismatch("/components/schemas/BuildLine", failed.back()), "");
  EXPECT_EQ(failed.back()["error"]["detail"], "no engine");
  EXPECT_EQ(Client::local(server).ask("POST", "/v1/images/nope/build").status, 404);
  EXPECT_EQ(Client::local(server).ask("DELETE", "/v1/images/shell").status, 204);
}

TEST(Builds, AreGivenUpWhenTheCallerLeaves) {
  TestServer server;
  server.images.hang = true;
  auto client = Client::local(server);
  client.send("POST /v1/images/shell/build HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.receive(), HasSubstr("200 OK"));
  client.drop();
  EXPECT_TRUE(server.eventually([&] { return server.images.cancelled; }));
}

TEST(Metrics, CountRequestsByRouteAndNotByPath) {
  TestServer server;
  auto client = Client::local(server);
  client.ask("GET", "/v1/sessions/fix");
  client.ask("GET", "/v1/sessions/nope");
  client.ask("GET", "/some/where");
  auto text = client.ask("GET", "/metrics").body;
  EXPECT_THAT(text, HasSubstr("brig_http_requests_total{route=\"/v1/sessions/{ref}\",status=\"200\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("brig_http_requests_total{route=\"/v1/sessions/{ref}\",status=\"404\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("brig_http_requests_total{route=\"none\",status=\"404\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("brig_http_connections 1\n"));
}

}  // namespace
}  // namespace brig::api::test
