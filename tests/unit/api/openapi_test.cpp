// The document and the service say the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "api/http/router.hpp"
#include "support/schema.hpp"
#include "support/server.hpp"

namespace brig::api::test {
namespace {

using nlohmann::json;

std::string escaped(std::string path) {
  for (std::size_t at = 0; (at = path.find('/', at)) != std::string::npos; at += 2) path.replace(at, 1, "~1");
  return path;
}

std::string lower(std::string_view text) {
  std::string out;
  for (char c : text) out += static_cast<char>(std::tolower(c));
  return out;
}

TEST(OpenApi, DocumentsEveryRouteAndNoOther) {
  Document document;
  const auto& paths = document.json()["paths"];
  std::set<std::string> routed, documented;
  for (const auto& route : routes()) {
    auto key = lower(route.method) + " " + std::string(route.pattern);
    routed.insert(key);
    ASSERT_TRUE(paths.contains(route.pattern)) << key;
    const auto& path = paths[std::string(route.pattern)];
    ASSERT_TRUE(path.contains(lower(route.method))) << key;
    const auto& operation = path[lower(route.method)];
    EXPECT_EQ(operation["x-role"], to_string(route.access)) << key;
    EXPECT_EQ(operation.contains("requestBody"), route.body_limit > 0) << key;
    EXPECT_TRUE(operation["responses"].contains("default")) << key;
    std::string query;
    for (const auto& parameter : operation.value("parameters", json::array()))
      if (parameter["in"] == "query")
        query += (query.empty() ? "" : " ") + parameter["name"].get<std::string>();
    EXPECT_EQ(query, route.query) << key;
  }
  for (const auto& [path, item] : paths.items())
    for (const auto& [method, operation] : item.items())
      if (method != "parameters") documented.insert(method + " " + path);
  EXPECT_EQ(routed, documented);
}

TEST(OpenApi, ReferencesOnlyWhatIsThere) {
  Document document;
  std::function<void(const json&)> walk = [&](const json& node) {
    if (node.is_object() && node.contains("$ref")) {
      json::json_pointer target(node["$ref"].get<std::string>().substr(1));
      EXPECT_TRUE(document.json().contains(target)) << node["$ref"];
    }
    if (node.is_structured())
      for (const auto& entry : node) walk(entry);
  };
  walk(document.json());
}

// One of every kind.
review::Summary some_changes() {
  review::Summary summary;
  review::Side file{S_IFREG | 0644, 12}, link{S_IFLNK | 0777, 3}, directory{S_IFDIR | 0755, 0},
      pipe{S_IFIFO | 0644, 0};
  summary.changes.digest = std::string(64, 'a');
  summary.changes.list = {{"made\xff", review::ChangeKind::added, "", {}, file, true, ""},
                          {"gone", review::ChangeKind::deleted, "", directory, {}, true, ""},
                          {"turned", review::ChangeKind::modified, "", file, link, true, ""},
                          {"moved", review::ChangeKind::renamed, "old", file, file, false, ""},
                          {"pipe", review::ChangeKind::added, "", {}, pipe, true, "cannot be shown"}};
  summary.lines = {{1, 0, false}, {}, {2, 1, false}, {}, {0, 0, true}};
  return summary;
}

struct Ask {
  const char* method;
  const char* path;    // of the document
  const char* target;  // asked
  const char* body;
  int status;
};

TEST(OpenApi, DescribesEveryAnswer) {
  TestServer server;
  Document document;
  server.on_loop([&] {
    server.conditions.push_back({"ledger", true, "fine"});
    server.reviews.summary = some_changes();
    server.reviews.report.done = server.reviews.summary.changes.list;
  });
  const Ask asks[] = {
      {"GET", "/healthz", "/healthz", "", 200},
      {"GET", "/readyz", "/readyz", "", 200},
      {"GET", "/v1/version", "/v1/version", "", 200},
      {"GET", "/v1/doctor", "/v1/doctor", "", 200},
      {"GET", "/v1/sessions", "/v1/sessions", "", 200},
      {"POST", "/v1/sessions", "/v1/sessions", R"({"provider": "shell"})", 201},
      {"GET", "/v1/sessions/{ref}", "/v1/sessions/fix", "", 200},
      {"POST", "/v1/sessions/{ref}/exec", "/v1/sessions/fix/exec", R"({"argv": ["ls"]})", 201},
      {"POST", "/v1/sessions/{ref}/pause", "/v1/sessions/fix/pause", "", 200},
      {"POST", "/v1/sessions/{ref}/resume", "/v1/sessions/fix/resume", "", 200},
      {"POST", "/v1/sessions/{ref}/previews", "/v1/sessions/fix/previews", R"({"port": 3000})", 201},
      {"GET", "/v1/previews", "/v1/previews", "", 200},
      {"POST", "/v1/sessions/{ref}/stop", "/v1/sessions/fix/stop", "", 200},
      {"GET", "/v1/sessions/{ref}/changes", "/v1/sessions/fix/changes?path=a&path=b%5C%5Cc&lines=1", "", 200},
      {"GET", "/v1/sessions/{ref}/egress", "/v1/sessions/fix/egress", "", 200},
      {"POST", "/v1/sessions/{ref}/egress/rules", "/v1/sessions/fix/egress/rules",
       R"({"verb": "allow", "rule": "a.test"})", 200},
      {"GET", "/v1/sessions/{ref}/egress/test", "/v1/sessions/fix/egress/test?target=a.test:443", "", 200},
      {"POST", "/v1/sessions/{ref}/checkpoints", "/v1/sessions/fix/checkpoints", R"({"name": "a"})", 201},
      {"GET", "/v1/sessions/{ref}/checkpoints", "/v1/sessions/fix/checkpoints", "", 200},
      {"POST", "/v1/sessions/{ref}/restore", "/v1/sessions/fix/restore", R"({"checkpoint": "a"})", 200},
      {"POST", "/v1/sessions/{ref}/fork", "/v1/sessions/fix/fork", "", 201},
      {"POST", "/v1/sessions/{ref}/discard", "/v1/sessions/fix/discard", "", 200},
      {"POST", "/v1/sessions/{ref}/apply", "/v1/sessions/fix/apply", R"({"paths": ["src"]})", 200},
      {"POST", "/v1/sessions/{ref}/undo", "/v1/sessions/fix/undo", "", 200},
      {"GET", "/v1/providers", "/v1/providers", "", 200},
      {"GET", "/v1/providers/{provider}", "/v1/providers/shell", "", 200},
      {"PUT", "/v1/providers/{provider}", "/v1/providers/x", R"({"title": "X"})", 200},
      {"GET", "/v1/providers/{provider}/identities", "/v1/providers/shell/identities", "", 200},
      {"POST", "/v1/providers/{provider}/identities", "/v1/providers/shell/identities",
       R"({"label": "Work", "set_default": true})", 201},
      {"PATCH", "/v1/providers/{provider}/identities/{id}", "/v1/providers/shell/identities/1f2e3d4c", "{}",
       200},
      {"GET", "/v1/providers/{provider}/identities/{id}/probe",
       "/v1/providers/shell/identities/1f2e3d4c/probe", "", 200},
      {"POST", "/v1/volumes", "/v1/volumes", R"({"name": "cache", "size": "1G", "mesh": "m"})", 201},
      {"GET", "/v1/volumes", "/v1/volumes", "", 200},
      {"GET", "/v1/volumes", "/v1/volumes?foreign=1&sort=used", "", 200},
      {"GET", "/v1/volumes/{volume}", "/v1/volumes/cache", "", 200},
      {"POST", "/v1/volumes/{volume}/restore", "/v1/volumes/cache/restore", "", 200},
      {"POST", "/v1/volumes/{volume}/pin", "/v1/volumes/cache/pin", "", 200},
      {"DELETE", "/v1/volumes/{volume}/pin", "/v1/volumes/cache/pin", "", 200},
      {"POST", "/v1/gc/plan", "/v1/gc/plan", R"({"unused_for": "30d", "kinds": ["image"]})", 200},
      {"POST", "/v1/gc", "/v1/gc", R"({"things": [{"kind": "image", "id": "sha256:1"}]})", 200},
      {"GET", "/v1/prune/rules", "/v1/prune/rules", "", 200},
      {"POST", "/v1/prune/plan", "/v1/prune/plan", R"({"unused_for": "30d", "keep_last": 2})", 200},
      {"GET", "/v1/images", "/v1/images", "", 200},
      {"GET", "/v1/images/outdated", "/v1/images/outdated", "", 200},
      {"GET", "/v1/profiles", "/v1/profiles", "", 200},
      {"POST", "/v1/policy/explain", "/v1/policy/explain", R"({"policy": {"limits": {"memory": "1 GiB"}}})",
       200},
      {"PUT", "/v1/vault/{name}", "/v1/vault/A_KEY", R"({"value": "v"})", 200},
      {"GET", "/v1/vault", "/v1/vault", "", 200},
      {"POST", "/v1/tokens", "/v1/tokens", R"({"label": "x", "role": "viewer", "expires_in": "1d"})", 201},
      {"GET", "/v1/tokens", "/v1/tokens", "", 200},
  };
  auto client = std::make_unique<Client>(Client::local(server));
  for (const auto& ask : asks) {
    auto answer = client->ask(ask.method, ask.target, ask.body);
    EXPECT_EQ(answer.status, ask.status) << ask.target << answer.body;
    auto schema = "/paths/" + escaped(ask.path) + "/" + lower(ask.method) + "/responses/" +
                  std::to_string(ask.status) + "/content/application~1json/schema";
    EXPECT_EQ(document.mismatch(schema, answer.json()), "") << ask.target;
    EXPECT_EQ(answer.header("Cache-Control"), "no-store");
    if (answer.header("Connection") == "close") client = std::make_unique<Client>(Client::local(server));
  }
  for (const char* target : {"/v1/sessions/nope", "/v1/sessions?x=1", "/nowhere"}) {
    auto answer = client->ask("GET", target);
    EXPECT_EQ(document.mismatch("/components/schemas/Problem", answer.json()), "") << target;
  }
  EXPECT_EQ(client->ask("GET", "/v1/openapi.yaml").body, openapi_document());
}

TEST(OpenApi, DescribesReadinessToThoseItConcerns) {
  TestServer server;
  Document document;
  server.on_loop([&] { server.conditions = {{"engine", false, "it does not answer"}}; });
  auto local = Client::local(server).ask("GET", "/readyz");
  EXPECT_EQ(local.status, 503);
  EXPECT_EQ(document.mismatch("/components/schemas/Readiness", local.json()), "");
  EXPECT_EQ(local.json()["conditions"][0]["detail"], "it does not answer");
  auto stranger = Client::tls(server).ask("GET", "/readyz");
  EXPECT_EQ(stranger.status, 503);
  EXPECT_FALSE(stranger.json()["conditions"][0].contains("detail"));
}

TEST(OpenApi, DescribesEveryMessageOfAnAttachment) {
  TestServer server;
  Document document;
  auto script = server.script();
  server.on_loop([&] {
    script->push({.kind = Script::Step::Kind::gap, .bytes = {}, .a = 1, .b = 2, .outcome = {}, .error = {}});
    script->push({.kind = Script::Step::Kind::ack, .bytes = {}, .a = 1, .outcome = {}, .error = {}});
    script->end({session::Outcome::Kind::spawn_failed, 127, 0, "no such file"});
  });
  WsClient ws(Client::local(server), "/v1/sessions/fix/processes/1/attach");
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(document.mismatch("/components/schemas/AttachServerMessage", ws.next_json()), "");
}

}  // namespace
}  // namespace brig::api::test
