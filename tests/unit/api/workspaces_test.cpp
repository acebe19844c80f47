// Requests about what sessions have written.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/server.hpp"

namespace brig::api::test {
namespace {

using testing::HasSubstr;

TEST(Workspaces, CheckpointsAreMadeListedAndForgotten) {
  TestServer server;
  auto client = Client::local(server);
  auto made = client.ask("POST", "/v1/sessions/fix/checkpoints", R"({"name": "before"})");
  EXPECT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.json()["bytes"], 4096);
  auto listed = client.ask("GET", "/v1/sessions/fix/checkpoints").json();
  EXPECT_EQ(listed["checkpoints"][0]["name"], "before");
  EXPECT_EQ(client.ask("DELETE", "/v1/sessions/fix/checkpoints/before").status, 204);
  EXPECT_EQ(client.ask("DELETE", "/v1/sessions/fix/checkpoints/before").status, 404);
  EXPECT_EQ(client.ask("GET", "/v1/sessions/nope/checkpoints").status, 404);
}

TEST(Workspaces, AForkIsMadeFromEveryField) {
  TestServer server;
  auto client = Client::local(server);
  auto made = client.ask(
      "POST", "/v1/sessions/fix/fork",
      R"({"name": "two", "checkpoint": "before", "env": {"KEY": "s3cret"}, "labels": {"a": "b"}})");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.header("Location"), "/v1/sessions/00000000000000ee");
  const auto& spec = *server.workspaces.forked;
  EXPECT_EQ(spec.name, "two");
  EXPECT_EQ(spec.checkpoint, "before");
  EXPECT_EQ(spec.env.at(0).value.reveal(), "s3cret");
  EXPECT_EQ(spec.labels.at("a"), "b");
}

TEST(Workspaces, WhatIsAskedIsJudged) {
  TestServer server;
  auto client = Client::local(server);
  for (const auto& [path, body, field] : std::vector<std::tuple<const char*, const char*, const char*>>{
           {"checkpoints", "{}", "name"},
           {"checkpoints", R"({"name": ""})", "name"},
           {"checkpoints", R"({"name": "a/b"})", "name"},
           {"restore", "{}", "checkpoint"},
           {"restore", R"({"checkpoint": "a", "x": 1})", "x"},
           {"fork", R"({"checkpoint": ""})", "checkpoint"},
           {"fork", R"({"name": "../x"})", "name"},
           {"fork", R"({"env": {"1": "x"}})", "env"}}) {
    auto refused = client.ask("POST", std::string("/v1/sessions/fix/") + path, body);
    EXPECT_EQ(refused.status, 400) << path << body << refused.body;
    EXPECT_EQ(refused.json()["field"], std::string("/") + field) << path << body << refused.body;
  }
  EXPECT_FALSE(server.workspaces.forked);
  EXPECT_FALSE(server.workspaces.restored);
  EXPECT_EQ(client.ask("POST", "/v1/sessions/fix/restore", R"({"checkpoint": "a"})").status, 200);
  EXPECT_EQ(client.ask("POST", "/v1/sessions/fix/discard").status, 200);
  EXPECT_TRUE(server.workspaces.discarded);
}

}  // namespace
}  // namespace brig::api::test
