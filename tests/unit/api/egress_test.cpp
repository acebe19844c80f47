// A session's way out, over the API.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/server.hpp"

namespace brig::api::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kRules = "/v1/sessions/fix/egress/rules";
constexpr const char* kAnswer = "/v1/sessions/fix/egress/answer";

TEST(Egress, IsShown) {
  TestServer server;
  auto shown = Client::local(server).ask("GET", "/v1/sessions/fix/egress").json();
  EXPECT_EQ(shown["rules"][0],
            (nlohmann::json{{"verb", "deny"}, {"rule", "bad.test"}, {"from", "the ceiling"}}));
  EXPECT_EQ(shown["bound"], nlohmann::json::array({"*"}));
  EXPECT_EQ(shown["questions"][0]["target"], "q.test:443");
  EXPECT_EQ(shown["questions"][0]["command"], "brig egress allow fix q.test");
  EXPECT_EQ(shown["questions"][0]["process"], "curl\\x1b") << "what a sandbox says is made printable";
  EXPECT_EQ(shown["connections"][0]["address"], "192.0.2.1");
  EXPECT_FALSE(shown["connections"][1].contains("address"));
}

TEST(Egress, IsChangedByRules) {
  TestServer server;
  auto client = Client::local(server);
  EXPECT_EQ(client.ask("POST", kRules, R"({"verb":"allow","rule":"API.test."})").json()["rule"], "api.test");
  EXPECT_EQ(client.ask("POST", kRules, R"({"verb":"deny","rule":"a.test","scope":"always"})").status, 200);
  EXPECT_EQ(client.ask("POST", kRules, R"({"verb":"allow","rule":"a.test","scope":"once"})").status, 200);
  EXPECT_EQ(client.ask("DELETE", std::string(kRules) + "?rule=*.test%3A443").status, 204);
  EXPECT_THAT(server.egress.told,
              ElementsAre("allow api.test 1 in 00000000000000aa", "deny a.test 2 in 00000000000000aa",
                          "allow a.test 0 in 00000000000000aa", "forget *.test:443"));
  for (const char* body :
       {R"({"verb":"allow"})", R"({"rule":"a.test"})", R"({"verb":"alow","rule":"a.test"})",
        R"({"verb":"allow","rule":"a.test","scope":"ever"})", R"({"verb":"allow","rule":"a..b"})",
        R"({"verb":"allow","rule":"a.test","x":1})"})
    EXPECT_EQ(client.ask("POST", kRules, body).status, 400) << body;
  EXPECT_EQ(client.ask("DELETE", kRules).status, 400);
  EXPECT_EQ(
      client.ask("POST", "/v1/sessions/nope/egress/rules", R"({"verb":"allow","rule":"a.test"})").status,
      404);
  EXPECT_EQ(server.egress.told.size(), 4u);
}

TEST(Egress, IsChangedByAnswers) {
  TestServer server;
  auto client = Client::local(server);
  EXPECT_EQ(client.ask("POST", kAnswer, R"({"question":1,"answer":"yes"})").status, 204);
  EXPECT_EQ(client.ask("POST", kAnswer, R"({"question":1,"answer":"no","scope":"session"})").status, 204);
  EXPECT_THAT(server.egress.told, ElementsAre("yes 0", "no 1"));
  EXPECT_EQ(client.ask("POST", kAnswer, R"({"question":2,"answer":"yes"})").status, 404);
  EXPECT_EQ(client.ask("POST", kAnswer, R"({"question":1,"answer":"maybe"})").status, 400);
}

TEST(Egress, IsTested) {
  TestServer server;
  auto client = Client::local(server);
  auto tested = client.ask("GET", "/v1/sessions/fix/egress/test?target=a.test:443").json();
  EXPECT_EQ(tested["name"]["verdict"], "allowed");
  EXPECT_EQ(tested["addresses"][0]["verdict"], "allowed");
  EXPECT_EQ(tested["addresses"][1]["verdict"], "denied");
  EXPECT_EQ(tested["addresses"][1]["command"], "brig egress allow fix 10.0.0.1");
  EXPECT_EQ(client.ask("GET", "/v1/sessions/fix/egress/test").status, 400);
}

TEST(Egress, IsAccountedForLineByLine) {
  TestServer server;
  // A streamed answer is its connection's last.
  auto ask = [&](const char* query) {
    return Client::local(server).ask("GET", std::string("/v1/sessions/fix/egress/log") + query);
  };
  auto all = ask("?follow=1");
  EXPECT_EQ(all.header("Content-Type"), "application/x-ndjson");
  EXPECT_THAT(all.body, HasSubstr(server.egress.line + "\n" + server.egress.line + "\n"));
  EXPECT_EQ(ask("?last=0").body, "");
  EXPECT_EQ(ask("?last=10001").status, 400);
}

}  // namespace
}  // namespace brig::api::test
