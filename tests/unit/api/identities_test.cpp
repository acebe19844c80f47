// Identities and files handed in, as callers say them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/server.hpp"

namespace brig::api::test {
namespace {

using testing::HasSubstr;

TEST(Identities, BelongToWhoAsks) {
  TestServer server;
  auto client = Client::local(server);
  EXPECT_EQ(client.ask("GET", "/v1/providers/shell/identities").json()["identities"][0]["label"], "Default");
  server.on_loop([&] { EXPECT_THAT(server.identities.owner, HasSubstr("uid:")); });
  EXPECT_EQ(client.ask("DELETE", "/v1/providers/shell/identities/1f2e3d4c").status, 409);
  EXPECT_EQ(client.ask("DELETE", "/v1/providers/shell/identities/aabbccdd").status, 204);
}

TEST(Identities, AnEmptyChangeSaysNothing) {
  TestServer server;
  auto client = Client::local(server);
  EXPECT_EQ(client.ask("PATCH", "/v1/providers/shell/identities/1f2e3d4c", "{}").status, 200);
  server.on_loop([&] {
    ASSERT_TRUE(server.identities.changed);
    EXPECT_FALSE(server.identities.changed->label);
    EXPECT_FALSE(server.identities.changed->config_dir);
    EXPECT_FALSE(server.identities.changed->is_default);
  });
  EXPECT_EQ(client.ask("PATCH", "/v1/providers/shell/identities/1f2e3d4c", R"({"labl": "x"})").status, 400);
  EXPECT_EQ(client.ask("POST", "/v1/providers/shell/identities", R"({"set_default": true})").status, 400);
}

TEST(Overlays, AreReadStrictly) {
  TestServer server;
  auto client = Client::local(server);
  auto create = [&](const std::string& overlays) {
    return client.ask("POST", "/v1/sessions", R"({"provider": "shell", "overlays": )" + overlays + "}");
  };
  auto made = create(R"([{"path": "/home/agent/.x/a", "content": "one", "mode": "0644"},
                         {"path": "/home/agent/b", "content_base64": "AAH/", "read_only": false}])");
  EXPECT_EQ(made.status, 201) << made.body;
  server.on_loop([&] {
    ASSERT_TRUE(server.sessions.created);
    const auto& overlays = server.sessions.created->overlays;
    ASSERT_EQ(overlays.size(), 2u);
    EXPECT_EQ(overlays[0].content.reveal(), "one");
    EXPECT_EQ(overlays[0].mode, 0644u);
    EXPECT_TRUE(overlays[0].read_only);
    EXPECT_EQ(overlays[1].content.reveal(), std::string_view("\x00\x01\xff", 3));
    EXPECT_FALSE(overlays[1].read_only);
  });
  for (const char* bad :
       {R"([{"path": "/a"}])", R"([{"content": "x"}])", R"(["x"])", R"({"path": "/a"})",
        R"([{"path": "/a", "content": "x", "content_base64": "eA=="}])",
        R"([{"path": "/a", "content_base64": "!"}])", R"([{"path": "/a", "content": "", "mode": "9"}])",
        R"([{"path": "/a", "content": "", "mode": "4755"}])",
        R"([{"path": "/a", "content": "x", "owner": 0}])"})
    EXPECT_EQ(create(bad).status, 400) << bad;
}

}  // namespace
}  // namespace brig::api::test
