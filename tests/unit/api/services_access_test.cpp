// Every scope × identity × operation, as it comes over the network: with a peer's token, by every route.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../service/access_table.hpp"
#include "support/schema.hpp"
#include "support/server.hpp"

namespace brig::api::test {
namespace {

using brig::test::access::Expected;
using nlohmann::json;
using testing::HasSubstr;

constexpr const char* kPath = "/v1/meshes/acme/services/";

// A token as an admin makes it for this identity; for the ones that no request can ask for, as it would be
// kept.
std::string token_for(TestServer& server, const brig::test::access::Identity& who) {
  if (who.peer.empty()) {
    Token kept;
    kept.role = who.host_role == "admin"  ? session::Caller::Role::admin
                : who.host_role == "user" ? session::Caller::Role::user
                                          : session::Caller::Role::viewer;
    kept.owner = who.owner;
    kept.mesh = who.mesh;
    return server.keep(std::move(kept));
  }
  json body{{"mesh", who.mesh}, {"peer", who.peer}, {"role", who.role}, {"expires_in", "1h"}};
  if (!who.groups.empty()) body["groups"] = who.groups;
  auto made = Client::local(server).ask("POST", "/v1/tokens", body.dump());
  EXPECT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.json()["token"]["owner"], who.owner);
  return made.json()["secret"].get<std::string>();
}

struct Way {
  char operation;
  const char* method;
  const char* rest;
  const char* body;
  int allowed;
};

constexpr Way kWays[] = {
    {'s', "GET", "", "", 200},
    {'s', "GET", "/tools", "", 200},
    {'s', "GET", "/files", "", 200},
    {'s', "GET", "/file?path=SKILL.md", "", 200},
    {'s', "GET", "/scope", "", 200},
    {'c', "POST", "/call", R"({"tool": "a"})", 200},
    {'i', "GET", "/logs", "", 200},
    {'x', "PUT", "/scope", R"({"scope": "mesh"})", 200},
    {'x', "POST", "/update", "", 200},
    {'x', "POST", "/restart", "", 200},
    {'x', "POST", "/stop", "", 200},
    {'x', "POST", "/pause", "", 200},
    {'x', "POST", "/rollback", R"({"version": 1})", 200},
    {'x', "DELETE", "", "", 204},
};

// What a refusal says, without the name it is about and the request's own.
std::string told(const Answer& answer, const std::string& name) {
  auto body = answer.json();
  for (const char* key : {"instance", "request_id"}) body.erase(key);
  auto text = std::to_string(answer.status) + " " + body.dump();
  for (std::size_t at; (at = text.find(name)) != text.npos;) text.replace(at, name.size(), "NAME");
  return text;
}

TEST(ServicesAccess, HoldsOnEveryRoute) {
  TestServer server([](Config& config) {
    config.limits.requests_per_second = config.limits.burst = 100'000;
    config.limits.requests_per_connection = 100'000;
  });
  server.on_loop([&] {
    server.deployed.deployer = brig::test::access::kDeployer;
    for (const auto& one : brig::test::access::cases())
      server.deployed.scoped[std::string(one.name)] = *service::read_scope(one.scope);
  });
  auto client = Client::tls(server);
  for (const auto& who : brig::test::access::identities()) {
    auto bearer = "Authorization: Bearer " + token_for(server, who) + "\r\n";
    bool looks_only = who.host_role == "viewer";
    auto listed = client.ask("GET", "/v1/meshes/acme/services", "", bearer);
    for (const auto& one : brig::test::access::cases()) {
      const std::string name(one.name);
      EXPECT_EQ(listed.body.find("\"name\":\"" + name + "\"") != std::string::npos,
                brig::test::access::sees(one, who))
          << who.name << " lists " << name;
      for (const auto& way : kWays) {
        // What is told line by line ends its connection, and so does a refusal before a body is read.
        bool ends = *way.body || std::string_view(way.rest) == "/update" ||
                    std::string_view(way.rest).starts_with("/file?");
        auto own = ends ? std::optional(Client::tls(server)) : std::nullopt;
        auto& asked = own ? *own : client;
        auto answer = asked.ask(way.method, kPath + name + way.rest, way.body, bearer);
        auto where = std::string(who.name) + ": " + way.method + " " + name + way.rest + ": " + answer.body;
        auto wanted = brig::test::access::expected(one, who, way.operation);
        // A token that may only look is told so before anything is looked up.
        bool barred = looks_only && (way.operation == 'c' || way.operation == 'x');
        if (barred || wanted == Expected::denied) {
          EXPECT_EQ(answer.status, 403) << where;
        } else if (wanted == Expected::allowed) {
          EXPECT_EQ(answer.status, way.allowed) << where;
        } else {
          EXPECT_EQ(answer.status, 404) << where;
          auto other = Client::tls(server);
          auto nothing = other.ask(way.method, kPath + std::string("nothing") + way.rest, way.body, bearer);
          EXPECT_EQ(told(answer, name), told(nothing, "nothing")) << where;
        }
      }
    }
  }
}

TEST(ServicesAccess, ScopesAreReadStrictly) {
  TestServer server;
  Document document;
  auto client = Client::local(server);
  auto path = std::string(kPath) + "mine/scope";
  for (const char* good : {R"({"scope": "mesh"})", R"({"scope": {"peers": ["ana"], "group": "a/b"}})"}) {
    auto set = client.ask("PUT", path, good);
    EXPECT_EQ(set.status, 200) << set.body;
    EXPECT_EQ(set.json(), json::parse(good));
    EXPECT_EQ(client.ask("GET", path).json(), json::parse(good));
    EXPECT_EQ(document.mismatch("/components/schemas/ScopeOf", set.json()), "");
  }
  for (const char* bad : {"{}", R"({"scope": null})", R"({"scope": "all"})", R"({"scope": {"peers": []}})",
                          R"({"scope": {"group": "a//b"}})", R"({"scope": "mesh", "more": 1})"}) {
    auto refused = client.ask("PUT", path, bad);
    EXPECT_EQ(refused.status, 400) << bad << refused.body;
    EXPECT_THAT(refused.body,
                HasSubstr(std::string(bad).find("more") == std::string::npos ? "scope" : "more"));
  }
  EXPECT_EQ(client.ask("GET", path).json(), json::parse(R"({"scope": {"peers": ["ana"], "group": "a/b"}})"));
  auto deployed =
      client.ask("POST", "/v1/meshes/acme/services",
                 R"({"name": "x", "source": {"npm": {"package": "x"}}, "scope": {"role": "admin"}})");
  EXPECT_EQ(deployed.status, 200) << deployed.body;
  EXPECT_EQ(server.deployed.deployed.scope, service::read_scope(R"({"role": "admin"})").value());
  auto refused = Client::local(server).ask(
      "POST", "/v1/meshes/acme/services",
      R"({"name": "x", "source": {"npm": {"package": "x"}}, "scope": {"peers": []}})");
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(refused.body, HasSubstr("names nobody"));
}

// The catalogue is for whoever sees it; how it is made for those who look after it.
TEST(ServicesAccess, TheCatalogueTellsNoMoreThanItsOwn) {
  TestServer server;
  Document document;
  server.on_loop([&] { server.deployed.view.inside.reset(); });
  auto shown = Client::local(server).ask("GET", std::string(kPath) + "mine").json();
  EXPECT_EQ(document.mismatch("/components/schemas/Service", shown), "");
  EXPECT_EQ(shown["description"], "Made by hand");
  EXPECT_EQ(shown["source_type"], "npm");
  for (const char* key : {"source", "config", "command", "artefact", "session", "restarts", "version"})
    EXPECT_FALSE(shown.contains(key)) << key;
}

TEST(Permissions, AreSaidByOwnersAndAdmins) {
  TestServer server;
  Document document;
  auto token = [&](const std::string& peer, const std::string& role, const std::string& mesh = "acme") {
    auto made = Client::local(server).ask("POST", "/v1/tokens",
                                          json{{"mesh", mesh}, {"peer", peer}, {"role", role}}.dump());
    return "Authorization: Bearer " + made.json()["secret"].get<std::string>() + "\r\n";
  };
  auto ow = token("ow", "owner"), cy = token("cy", "admin"), ana = token("ana", "member"),
       other = token("ow", "owner", "other");
  auto client = Client::tls(server);
  const std::string path = "/v1/meshes/acme/permissions";
  auto put = [&](const std::string& who, const std::string& peer, const std::string& body) {
    return client.ask("PUT", path + "/" + peer, body, who);
  };
  auto keep = [&] { return client.ask("PUT", "/v1/vault/k", R"({"value": "v"})", ana).status; };
  EXPECT_EQ(keep(), 200);
  auto set = put(cy, "ana", R"({"vault": false, "deploy": false})");
  EXPECT_EQ(set.status, 200) << set.body;
  EXPECT_EQ(document.mismatch("/components/schemas/PeerPermissions", set.json()), "");
  EXPECT_EQ(keep(), 403);
  EXPECT_EQ(client.ask("DELETE", "/v1/vault/k", "", ana).status, 403);
  EXPECT_EQ(client.ask("GET", "/v1/vault", "", ana).status, 200);

  auto listed = client.ask("GET", path, "", ow);
  EXPECT_EQ(document.mismatch("/components/schemas/Permissions", listed.json()), "");
  EXPECT_EQ(listed.json()["overrides"], json::parse(R"([{"peer": "ana", "deploy": false, "vault": false}])"));
  EXPECT_EQ(listed.json()["defaults"]["member"]["permissions"], false);
  // She sees her own, others of her kind none.
  EXPECT_EQ(client.ask("GET", path, "", ana).json()["overrides"].size(), 1u);
  EXPECT_EQ(client.ask("GET", path, "", token("bo", "member")).json()["overrides"].size(), 0u);

  // Not for oneself, not by members, not from another mesh; who may manage them is an owner's to say.
  EXPECT_EQ(put(ana, "ana", "{}").status, 403);
  EXPECT_EQ(put(ana, "bo", R"({"tools": false})").status, 403);
  EXPECT_EQ(put(ow, "ow", R"({"tools": true})").status, 403);
  EXPECT_EQ(put(cy, "bo", R"({"permissions": true})").status, 403);
  EXPECT_EQ(put(ow, "bo", R"({"permissions": true})").status, 200);
  EXPECT_EQ(put(cy, "bo", "{}").status, 403) << "that would take it back";
  EXPECT_EQ(put(cy, "bo", R"({"permissions": true, "vault": false})").status, 200);
  EXPECT_EQ(put(other, "ana", "{}").status, 404);
  EXPECT_EQ(client.ask("GET", path, "", other).status, 404);
  for (const char* bad : {R"({"tools": "no"})", R"({"root": true})", "[]"})
    EXPECT_EQ(put(ow, "ana", bad).status, 400) << bad;
  EXPECT_EQ(put(ow, "a%20b", "{}").status, 400);

  EXPECT_EQ(put(cy, "ana", "{}").status, 200);
  EXPECT_EQ(keep(), 200);
}

TEST(ToolGate, IsShownSetAndApproved) {
  TestServer server;
  Document document;
  auto& report = server.deployed.report;
  report.tools.push_back({"a", service::Standing::open, std::string(64, 'a'), {}});
  report.tools.push_back({"b",
                          service::Standing::changed,
                          std::string(64, 'b'),
                          {{"description", R"("old")", R"("new")"}, {"n", "1e400", ""}}});
  report.tools.push_back({"c", service::Standing::unreadable, "", {}});
  auto client = Client::local(server);
  const std::string gate = "/v1/meshes/acme/services/mine/tool-gate",
                    approve = "/v1/meshes/acme/services/mine/approve";
  auto shown = client.ask("GET", gate);
  EXPECT_EQ(document.mismatch("/components/schemas/ToolGate", shown.json()), "");
  EXPECT_EQ(shown.json()["tools"][1]["changes"],
            json::parse(R"([{"member": "description", "before": "old", "after": "new"},
                            {"member": "n", "before": "1e400"}])"));
  auto set = client.ask("PUT", gate, R"({"allow": ["a", "b*"], "deny": ["c"]})");
  EXPECT_EQ(set.status, 200) << set.body;
  EXPECT_EQ(report.lists, (service::ToolLists{{"a", "b*"}, {"c"}}));
  EXPECT_EQ(set.json()["deny"], json::parse(R"(["c"])"));
  for (const char* bad :
       {R"({"allow": "a"})", R"({"allow": [1]})", R"({"only": []})", R"({"allow": ["a*b"]})"})
    EXPECT_EQ(client.ask("PUT", gate, bad).status, 400) << bad;
  EXPECT_EQ(client.ask("POST", approve, R"({"tools": [{"name": "b", "fingerprint": "bb"}]})").status, 200);
  EXPECT_THAT(server.deployed.approved, testing::ElementsAre("b bb"));
  for (const char* bad : {"{}", R"({"tools": []})", R"({"tools": [{"name": "b"}]})", R"({"tools": ["b"]})"})
    EXPECT_EQ(client.ask("POST", approve, bad).status, 400) << bad;
}

TEST(Rates, SayWhenToComeAgain) {
  TestServer server;
  auto client = Client::local(server);
  auto deployed = client.ask("POST", "/v1/meshes/acme/services",
                             R"({"name": "too-often", "source": {"npm": {"package": "x"}}})");
  EXPECT_EQ(deployed.status, 429);
  EXPECT_EQ(deployed.header("Retry-After"), "2");
  auto called = client.ask("POST", "/v1/meshes/acme/services/mine/call", R"({"tool": "too-often"})");
  EXPECT_EQ(called.status, 429);
  EXPECT_EQ(called.header("Retry-After"), "1");
}

TEST(PeersTokens, AreMadeForAPeerOfAMesh) {
  TestServer server;
  Document document;
  auto local = Client::local(server);
  auto made = local.ask("POST", "/v1/tokens",
                        R"({"mesh": "acme", "peer": "ana", "groups": ["eng/backend", "ops"], "role": "admin",
                            "expires_in": "1h"})");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(document.mismatch("/components/schemas/NewToken", made.json()), "");
  auto token = made.json()["token"];
  EXPECT_EQ(token["label"], "ana");
  EXPECT_EQ(token["role"], "admin");
  EXPECT_EQ(token["owner"], "peer:acme:ana");
  EXPECT_EQ(token["groups"], json({"eng/backend", "ops"}));
  auto bearer = "Authorization: Bearer " + made.json()["secret"].get<std::string>() + "\r\n";
  auto remote = Client::tls(server);
  auto version = remote.ask("GET", "/v1/version", "", bearer).json();
  EXPECT_EQ(document.mismatch("/components/schemas/Version", version), "");
  EXPECT_EQ(version["caller"], json::parse(R"({"role": "user", "owner": "peer:acme:ana", "mesh": "acme",
                            "member": {"peer": "ana", "groups": ["eng/backend", "ops"], "role": "admin"}})"));
  // An admin of a mesh is none of this host.
  EXPECT_EQ(remote.ask("GET", "/v1/tokens", "", bearer).status, 403);
  EXPECT_EQ(remote.ask("POST", "/v1/tokens", R"({"label": "x", "role": "admin"})", bearer).status, 403);

  server.clock.advance(std::chrono::hours(2));
  auto late = Client::tls(server).ask("GET", "/v1/version", "", bearer);
  EXPECT_EQ(late.status, 401);
  EXPECT_THAT(late.body, HasSubstr("the bearer token held until"));
  EXPECT_EQ(late.header("WWW-Authenticate"), "Bearer realm=\"brig\"");
}

TEST(PeersTokens, AreRefusedByField) {
  TestServer server;
  auto local = Client::local(server);
  for (auto [body, field] :
       {std::pair{R"({"peer": "ana"})", "mesh"},
        {R"({"mesh": "acme", "peer": ""})", "peer"},
        {R"({"mesh": "acme", "peer": "a b"})", "peer"},
        {R"({"mesh": "acme", "peer": "ana", "role": "user"})", "a member, an admin or an owner"},
        {R"({"mesh": "acme", "peer": "ana", "role": "viewer"})", "role"},
        {R"({"mesh": "acme", "peer": "ana", "owner": "bo"})", "owner"},
        {R"({"mesh": "acme", "peer": "ana", "groups": ["a//b"]})", "groups"},
        {R"({"mesh": "acme", "peer": "ana", "groups": ["a", "a"]})", "twice"},
        {R"({"mesh": "acme", "peer": "ana", "groups": "a"})", "groups"},
        {R"({"mesh": "acme", "label": "x", "role": "user", "groups": ["a"]})", "groups"},
        {R"({"mesh": "acme", "label": "x", "role": "owner"})", "name the peer"},
        {R"({"label": "x", "role": "user", "owner": "peer:acme:ana"})", "name the peer instead"}}) {
    auto refused = local.ask("POST", "/v1/tokens", body);
    EXPECT_EQ(refused.status, 400) << body << refused.body;
    EXPECT_THAT(refused.body, HasSubstr(field)) << body;
  }
  EXPECT_TRUE(local.ask("GET", "/v1/tokens").json()["tokens"].empty());
}

}  // namespace
}  // namespace brig::api::test
