// Volumes over the API.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/server.hpp"

namespace brig::api::test {
namespace {

using ::testing::HasSubstr;

TEST(Volumes, AreMadeAndRemovedAsAsked) {
  TestServer server;
  auto client = Client::local(server);
  auto made = client.ask("POST", "/v1/volumes", R"({"name": "cache", "size": "1.5 GiB"})");
  EXPECT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.header("Location"), "/v1/volumes/brig-shared-0011aabb-cache");
  EXPECT_EQ(server.volumes.asked->size, 3u << 29);
  EXPECT_EQ(client.ask("GET", "/v1/volumes/cache").json()["kind"], "shared");
  EXPECT_EQ(client.ask("DELETE", "/v1/volumes/cache").status, 204);
  EXPECT_EQ(server.volumes.removed, "cache");
}

TEST(Volumes, RefuseWhatIsNoName) {
  TestServer server;
  struct {
    const char* body;
    const char* field;
  } bad[] = {{R"({"name": "../x"})", "/name"},
             {R"({"name": ""})", "/name"},
             {R"({"size": "1G"})", "/name"},
             {R"({"name": "a", "size": "much"})", "/size"},
             {R"({"name": "a", "mesh": "a b"})", "/mesh"},
             {R"({"name": "a", "driver": "nfs"})", "/driver"}};
  for (const auto& one : bad) {
    auto answer = Client::local(server).ask("POST", "/v1/volumes", one.body);
    EXPECT_EQ(answer.status, 400) << one.body;
    EXPECT_EQ(answer.json()["field"], one.field) << answer.body;
  }
}

TEST(Volumes, ASessionAsksForThem) {
  TestServer server;
  auto client = Client::local(server);
  auto made = client.ask(
      "POST", "/v1/sessions",
      R"({"provider": "shell", "volumes": [{"volume": "cache", "path": "/home/agent/.cache", "read_only": true}]})");
  EXPECT_EQ(made.status, 201) << made.body;
  const auto& asked = server.sessions.created;
  ASSERT_TRUE(asked && asked->volumes.size() == 1);
  EXPECT_EQ(asked->volumes[0].volume, "cache");
  EXPECT_EQ(asked->volumes[0].path, "/home/agent/.cache");
  EXPECT_TRUE(asked->volumes[0].read_only);
  auto bad = client.ask("POST", "/v1/sessions", R"({"provider": "shell", "volumes": [{"volume": "cache"}]})");
  EXPECT_EQ(bad.status, 400);
  EXPECT_EQ(bad.json()["field"], "/volumes/0/path");
}

}  // namespace
}  // namespace brig::api::test
