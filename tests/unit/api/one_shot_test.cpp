// One-shots over HTTP.
#include <gtest/gtest.h>

#include "support/schema.hpp"
#include "support/server.hpp"

namespace brig::api::test {
namespace {

using session::Outcome;

const std::string kAsk = R"({"provider": "shell", "prompt": "why?\n", "timeout": "30s", "max_output": 5000,
  "identity": "Work", "env": {"KEY": "k"}})";

TEST(OneShot, AnswersInOneDocument) {
  TestServer server;
  Document document;
  server.on_loop([&] {
    server.one_shots.say("because\xff ");
    server.one_shots.say("hm", session::Output::Stream::err);
    server.one_shots.say("of it");
    server.one_shots.end({Outcome::Kind::exited, 3, 0, ""});
  });
  auto answer = Client::local(server).ask("POST", "/v1/oneshot", kAsk);
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_TRUE(answer.complete);
  auto json = answer.json();
  EXPECT_EQ(json["text"], "because\xEF\xBF\xBD of it");
  EXPECT_EQ(json["stderr"], "hm");
  EXPECT_EQ(json["outcome"]["exit_code"], 3);
  EXPECT_EQ(document.mismatch("/components/schemas/Answer", json), "");
  const auto& spec = server.one_shots.spec;
  EXPECT_EQ(spec.provider, "shell");
  EXPECT_EQ(spec.prompt.reveal(), "why?\n");
  EXPECT_EQ(spec.limit, Millis{30'000});
  EXPECT_EQ(spec.max_output, 5000u);
  EXPECT_EQ(spec.identity, "Work");
  ASSERT_EQ(spec.env.size(), 1u);
}

TEST(OneShot, StreamsLinesWhileTheyCome) {
  TestServer server;
  Document document;
  auto client = Client::local(server);
  auto length = std::to_string(kAsk.size());
  client.send("POST /v1/oneshot?format=ndjson HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" +
              ("Content-Length: " + length + "\r\n\r\n") + kAsk);
  EXPECT_TRUE(server.eventually([&] { return server.one_shots.open == 1; }));
  server.on_loop([&] { server.one_shots.say("first"); });
  std::string heard;
  while (heard.find("first") == std::string::npos) {
    auto more = client.receive();
    ASSERT_NE(more, "") << heard;
    heard += more;
  }
  server.on_loop([&] { server.one_shots.end({Outcome::Kind::expired, 0, 0, "too slow"}); });
  while (heard.find("0\r\n\r\n") == std::string::npos) {
    auto more = client.receive();
    ASSERT_NE(more, "") << heard;
    heard += more;
  }
  EXPECT_NE(heard.find(R"("exit_code":124)"), std::string::npos) << heard;
  EXPECT_TRUE(server.eventually([&] { return server.one_shots.open == 0; }));
}

TEST(OneShot, WhoGoesAwayEndsIt) {
  TestServer server;
  for (const char* format : {"json", "ndjson"}) {
    auto client = Client::local(server);
    client.send("POST /v1/oneshot?format=" + std::string(format) +
                " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: " +
                std::to_string(kAsk.size()) + "\r\n\r\n" + kAsk);
    EXPECT_TRUE(server.eventually([&] { return server.one_shots.open == 1; })) << format;
    client.drop();
    EXPECT_TRUE(server.eventually([&] { return server.one_shots.open == 0; })) << format;
  }
}

TEST(OneShot, RefusesWhatIsNoQuestion) {
  TestServer server;
  Document document;
  const std::pair<const char*, int> bad[] = {
      {"{}", 400},
      {R"({"provider": "shell"})", 400},
      {R"({"provider": "shell", "prompt": 3})", 400},
      {R"({"provider": "shell", "prompt": "x", "timeout": "2h"})", 400},
      {R"({"provider": "shell", "prompt": "x", "timeout": "0s"})", 400},
      {R"({"provider": "shell", "prompt": "x", "max_output": 0})", 400},
      {R"({"provider": "shell", "prompt": "x", "max_output": 99999999})", 400},
      {R"({"provider": "shell", "prompt": "x", "project": "/"})", 400},
      {R"({"provider": "shell", "prompt": "x", "overlays": []})", 400},
  };
  for (const auto& [body, status] : bad) {
    auto answer = Client::local(server).ask("POST", "/v1/oneshot", body);
    EXPECT_EQ(answer.status, status) << body << answer.body;
    EXPECT_EQ(document.mismatch("/components/schemas/Problem", answer.json()), "") << body;
  }
  EXPECT_EQ(Client::local(server).ask("POST", "/v1/oneshot?format=raw", kAsk).status, 400);
  auto large = R"({"provider": "shell", "prompt": ")" + std::string(800'000, 'x') + "\"}";
  EXPECT_EQ(Client::local(server).ask("POST", "/v1/oneshot", large).status, 400);
  auto viewer = server.token(session::Caller::Role::viewer);
  EXPECT_EQ(
      Client::tls(server).ask("POST", "/v1/oneshot", kAsk, "Authorization: Bearer " + viewer + "\r\n").status,
      403);
  EXPECT_EQ(server.one_shots.open, 0);
}

TEST(OneShot, ARefusalSaysWhenToComeAgain) {
  TestServer server;
  server.on_loop([&] { server.one_shots.failure = Error{Code::rate_limited, "too many", "quota", true}; });
  auto answer = Client::local(server).ask("POST", "/v1/oneshot", kAsk);
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(answer.header("Retry-After"), "2");
}

}  // namespace
}  // namespace brig::api::test
