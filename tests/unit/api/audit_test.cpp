// The audit of a mesh, as it is written by what is done over the API, and as it is looked at.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/schema.hpp"
#include "support/server.hpp"

namespace brig::api::test {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kAudit = "/v1/meshes/acme/audit";

std::string bearer(TestServer& server, const std::string& peer, const std::string& role,
                   const std::string& mesh = "acme") {
  auto made = Client::local(server).ask("POST", "/v1/tokens",
                                        json{{"mesh", mesh}, {"peer", peer}, {"role", role}}.dump());
  EXPECT_EQ(made.status, 201) << made.body;
  return "Authorization: Bearer " + made.json()["secret"].get<std::string>() + "\r\n";
}

// Once so many are written: what is noted comes within moments.
json entries(TestServer& server, std::size_t count, const std::string& query = "") {
  json out;
  auto client = Client::local(server);
  auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (std::chrono::steady_clock::now() < limit) {
    out = client.ask("GET", kAudit + query).json()["entries"];
    if (out.size() >= count) break;
  }
  return out;
}

TEST(AuditOfAMesh, HasWhatWasDoneAndNothingOfWhatWasSaid) {
  TestServer server;
  Document document;
  auto owner = bearer(server, "ow", "owner");
  // A streamed answer is its connection's last.
  auto ask = [&](const std::string& method, const std::string& path, const std::string& body,
                 const std::string& who) { return Client::tls(server).ask(method, path, body, who); };
  const std::string mine = "/v1/meshes/acme/services/mine";
  EXPECT_EQ(ask("PUT", "/v1/vault/the-key", R"({"value": "sk-secret"})", owner).status, 200);
  EXPECT_EQ(ask("POST", "/v1/meshes/acme/services",
                R"({"name": "mine", "source": {"npm": {"package": "x"}}, "scope": "mesh",
                         "config": {"env": {"KEY": "$vault:the-key", "PLAIN": "in-the-clear"}}})",
                owner)
                .status,
            200);
  EXPECT_EQ(ask("PUT", mine + "/scope", R"({"scope": {"group": "eng"}})", owner).status, 200);
  auto call = R"({"tool": "a", "arguments": {"text": "private-words"}})";
  EXPECT_EQ(ask("POST", mine + "/call", call, owner).status, 200);
  EXPECT_EQ(ask("PUT", "/v1/meshes/acme/permissions/ana", R"({"tools": false})", owner).status, 200);
  EXPECT_EQ(ask("DELETE", mine, "", owner).status, 204);
  EXPECT_EQ(ask("POST", "/v1/meshes/acme/services/none/stop", "", owner).status, 404);

  auto all = entries(server, 12);
  std::vector<std::string> seen;
  for (auto it = all.rbegin(); it != all.rend(); ++it) {
    EXPECT_EQ(document.mismatch("/components/schemas/AuditEntry", *it), "");
    seen.push_back((*it)["event"]);
  }
  std::sort(seen.begin(), seen.end());
  EXPECT_THAT(seen, ElementsAre("permissions.set", "service.deploy", "service.deploy.done", "service.remove",
                                "service.remove.done", "service.scope", "service.scope.done", "service.stop",
                                "service.stop.failed", "token.create", "tool.called", "vault.set"));
  EXPECT_THAT(all.dump(), Not(HasSubstr("sk-secret")));
  EXPECT_THAT(all.dump(), Not(HasSubstr("in-the-clear")));
  EXPECT_THAT(all.dump(), Not(HasSubstr("private-words")));
  auto called = entries(server, 1, "?event=tool")[0];
  EXPECT_EQ(called["actor"], "peer:acme:ow");
  EXPECT_EQ(called["payload"]["tool"], "a");
  EXPECT_EQ(entries(server, 1, "?event=service.stop.failed")[0]["payload"]["error"], "not_found");

  auto verdict = ask("GET", std::string(kAudit) + "/verify", "", owner).json();
  EXPECT_EQ(document.mismatch("/components/schemas/AuditVerdict", verdict), "");
  EXPECT_EQ(verdict["valid"], true);
  EXPECT_EQ(verdict["hash"], entries(server, 1, "?limit=1")[0]["hash"]);

  auto exported = ask("GET", std::string(kAudit) + "/export", "", owner);
  EXPECT_EQ(exported.header("Content-Type"), "application/x-ndjson");
  EXPECT_EQ(static_cast<std::size_t>(std::count(exported.body.begin(), exported.body.end(), '\n')),
            verdict["entries"].get<std::size_t>());
}

TEST(AuditOfAMesh, IsForThoseWhoManageIt) {
  TestServer server;
  auto member = bearer(server, "ana", "member"), admin = bearer(server, "cy", "admin"),
       other = bearer(server, "ow", "owner", "other");
  // A streamed answer is its connection's last.
  auto ask = [&](const std::string& method, const std::string& path, const std::string& body,
                 const std::string& who) { return Client::tls(server).ask(method, path, body, who); };
  for (const char* rest : {"", "/verify", "/export"}) {
    auto path = std::string(kAudit) + rest;
    EXPECT_EQ(ask("GET", path, "", member).status, 403) << rest;
    EXPECT_EQ(ask("GET", path, "", admin).status, 200) << rest;
    EXPECT_EQ(ask("GET", path, "", other).status, 404) << rest;
  }
  EXPECT_EQ(ask("GET", std::string(kAudit) + "?limit=0", "", admin).status, 400);
  EXPECT_EQ(ask("GET", std::string(kAudit) + "?limit=1001", "", admin).status, 400);
  // What strangers try there is not in it.
  EXPECT_EQ(ask("POST", "/v1/meshes/acme/services/none/stop", "", other).status, 404);
  EXPECT_THAT(entries(server, 1).dump(), Not(HasSubstr("peer:other")));
}

}  // namespace
}  // namespace brig::api::test
