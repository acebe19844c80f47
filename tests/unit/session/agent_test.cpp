#include "session/agent.hpp"

#include <gtest/gtest.h>

namespace brig::session {
namespace {

using Role = Caller::Member::Role;

store::SessionRow row(std::string agent) {
  store::SessionRow out;
  out.id = SessionId("00000000000000aa");
  out.owner = "peer:acme:ana";
  out.mesh = "acme";
  out.agent_json = std::move(agent);
  return out;
}

TEST(Agent, IsWhoStartedIt) {
  Caller ana;
  ana.role = Caller::Role::user;
  ana.owner = "peer:acme:ana";
  ana.mesh = "acme";
  ana.member = Caller::Member{"ana", {"eng/backend", "ops"}, Role::owner};
  auto agent = agent_of(row(agent_to_json(ana, "acme")));
  ASSERT_TRUE(agent);
  EXPECT_EQ(agent->member, ana.member);
  EXPECT_EQ(agent->owner, ana.owner);
  EXPECT_EQ(agent->mesh, "acme");
  EXPECT_EQ(agent->credential, "session:00000000000000aa");
  EXPECT_EQ(agent->agent, SessionId("00000000000000aa"));
}

TEST(Agent, IsNoAdminAndNoMemberOfAnotherMesh) {
  Caller root;
  root.role = Caller::Role::admin;
  root.owner = "uid:0";
  root.uid = 0;
  auto agent = agent_of(row(agent_to_json(root, "acme")));
  ASSERT_TRUE(agent);
  EXPECT_EQ(agent->role, Caller::Role::user);
  EXPECT_FALSE(agent->uid);
  EXPECT_FALSE(agent->member);
  Caller admin = root;
  admin.mesh = "other";
  admin.member = Caller::Member{"eve", {}, Role::owner};
  EXPECT_EQ(agent_to_json(admin, "acme"), "{}");
}

TEST(Agent, DamageLetsNobodyIn) {
  for (const char* text :
       {"", "[]", "{", "null", R"({"peer":"ana"})", R"({"peer":"ana","groups":[],"role":"king"})",
        R"({"peer":1,"groups":[],"role":"member"})", R"({"peer":"ana","groups":[1],"role":"member"})",
        R"({"peer":"ana","groups":"x","role":"member"})"}) {
    auto agent = agent_of(row(text));
    ASSERT_FALSE(agent) << text;
    EXPECT_EQ(agent.error().code, Code::corrupt);
  }
  auto nowhere = row("{}");
  nowhere.mesh.clear();
  EXPECT_FALSE(agent_of(nowhere));
}

TEST(Agent, IsToldAsItsProviderSays) {
  image::Provider provider;
  provider.mcp = {{"--at={url}", "--from", "{file}"}, {{"WHERE", "{file}:{url}"}}, R"({"url": "{url}"})"};
  EXPECT_EQ(mesh_args(provider),
            (std::vector<std::string>{"--at=http://mesh.brig.internal/mcp", "--from", "/run/brig/mcp.json"}));
  EXPECT_EQ(mesh_file(provider), R"({"url": "http://mesh.brig.internal/mcp"})");
  std::map<std::string, std::string> env{{"no_proxy", "mine.test"}};
  add_mesh_env(provider, env);
  EXPECT_EQ(env["BRIG_MCP_URL"], "http://mesh.brig.internal/mcp");
  EXPECT_EQ(env["WHERE"], "/run/brig/mcp.json:http://mesh.brig.internal/mcp");
  EXPECT_EQ(env["no_proxy"], "mine.test,mesh.brig.internal");
  EXPECT_EQ(env["NO_PROXY"], "localhost,127.0.0.1,::1,mesh.brig.internal");
}

TEST(Agent, ForgetsItsMeshWhereThereIsNone) {
  image::Provider provider;
  provider.mcp.args = {"-c", "x={url}"};
  std::vector<std::string> argv{"cli", "-c", "a=1", "-c", "x=http://mesh.brig.internal/mcp", "-c", "go"};
  drop_mesh_args(provider, argv);
  EXPECT_EQ(argv, (std::vector<std::string>{"cli", "-c", "a=1", "-c", "go"}));
  drop_mesh_args(provider, argv);
  EXPECT_EQ(argv.size(), 5u);
  drop_mesh_args({}, argv);
  EXPECT_EQ(argv.size(), 5u);
}

}  // namespace
}  // namespace brig::session
