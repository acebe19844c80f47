// Services: what goes to brigd, and how its answers are told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "brig_process.hpp"
#include "core/unique_fd.hpp"
#include "fake_brigd.hpp"

namespace brig::cli::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

struct Said {
  std::string out, err;
  int code = 0;
};

Said service(FakeBrigd& brigd, std::vector<std::string> words, BrigOptions options = {}) {
  words.insert(words.begin(), "service");
  BrigProcess process(brigd.host(), std::move(words), std::move(options));
  process.close_stdin();
  auto out = process.output();
  auto err = process.errors();
  return {out, err, process.wait()};
}

TEST(Service, DeploysWhatTheOptionsSay) {
  FakeBrigd brigd;
  json body;
  brigd.on("POST /v1/meshes/acme/services", [&](const FakeRequest& request) {
    body = json::parse(request.body);
    return FakeAnswer{
        200,
        "{\"state\":\"building\"}\n{\"done\":{\"name\":\"dc\",\"state\":\"running\",\"version\":\"1.2\","
        "\"tools\":1}}\n",
        "application/x-ndjson"};
  });
  auto said = service(brigd, {"deploy",   "dc",    "--mesh", "acme",  "--npm",        "@a/b@^1", "--bin",
                              "run",      "--arg", "mcp",    "--env", "KEY=$vault:k", "--allow", "x.test:443",
                              "--memory", "256M",  "--cpus", "0.5",   "--idle",       "10m"});
  EXPECT_EQ(said.code, 0) << said.err;
  EXPECT_EQ(said.out, "dc running, version 1.2, 1 tool\n");
  EXPECT_EQ(body, json::parse(R"({"name": "dc",
      "source": {"npm": {"package": "@a/b", "version": "^1", "bin": "run"}, "args": ["mcp"]},
      "config": {"env": {"KEY": "$vault:k"}, "network_allow": ["x.test:443"], "memory_mb": 256, "cpus": 0.5,
                 "idle": "10m"}})"));
  ASSERT_EQ(service(brigd, {"deploy", "dc", "--mesh", "acme", "--dir", "/srv/../srv/x"}).code, 0);
  EXPECT_EQ(body["source"], json::parse(R"({"directory": {"path": "/srv/x"}})"));
  ASSERT_EQ(service(brigd, {"deploy", "dc", "--mesh", "acme", "--npm", "a", "--scope", "peer:a:b", "--scope",
                            "group:x/y", "--scope", "peer:c"})
                .code,
            0);
  EXPECT_EQ(body["scope"], json::parse(R"({"peers": ["a:b", "c"], "groups": ["x/y"]})"));
}

TEST(Service, KeepsSkillsAndShowsTheirFiles) {
  FakeBrigd brigd;
  json body;
  std::string query;
  brigd.on("POST /v1/meshes/acme/services", [&](const FakeRequest& request) {
    body = json::parse(request.body);
    return FakeAnswer{200, "{\"done\":{\"name\":\"s\",\"type\":\"skill\",\"state\":\"ready\",\"tools\":0}}\n",
                      "application/x-ndjson"};
  });
  brigd.on("GET /v1/meshes/acme/services/s/files", [](const FakeRequest&) {
    return FakeAnswer{200, R"({"files": [{"path": "SKILL.md", "bytes": 2048, "executable": false},
                                         {"path": "go\u001b.sh", "bytes": 1, "executable": true}]})"};
  });
  brigd.on("GET /v1/meshes/acme/services/s/file", [&](const FakeRequest& request) {
    query = request.query;
    return FakeAnswer{200, std::string("a\0b", 3), "application/octet-stream"};
  });
  auto said =
      service(brigd, {"deploy", "s", "--skill", "--mesh", "acme", "--dir", "/srv/s", "--scope", "mesh"});
  EXPECT_EQ(said.out, "s ready, a skill\n") << said.err;
  EXPECT_EQ(body, json::parse(R"({"name": "s", "type": "skill", "scope": "mesh",
                                  "source": {"directory": {"path": "/srv/s"}}})"));
  for (const auto& more :
       std::vector<std::vector<std::string>>{{"--npm", "a"}, {"--memory", "1G"}, {"--arg", "x"}}) {
    std::vector<std::string> words{"deploy", "s", "--skill", "--mesh", "acme"};
    words.insert(words.end(), more.begin(), more.end());
    auto refused = service(brigd, words);
    EXPECT_EQ(refused.code, 64);
    EXPECT_THAT(refused.err, HasSubstr("a skill is not run"));
  }
  said = service(brigd, {"files", "s", "--mesh", "acme"});
  EXPECT_THAT(said.out, HasSubstr("SKILL.md"));
  EXPECT_THAT(said.out, HasSubstr("go\\x1b.sh"));
  EXPECT_THAT(said.out, HasSubstr("executable"));
  EXPECT_EQ(json::parse(service(brigd, {"files", "s", "--mesh", "acme", "--json"}).out).size(), 2u);
  said = service(brigd, {"files", "s", "a b/c", "--mesh", "acme"});
  EXPECT_EQ(said.out, std::string("a\0b", 3));
  EXPECT_EQ(query, "path=a%20b%2Fc");
  EXPECT_EQ(service(brigd, {"files", "s", "x", "--json", "--mesh", "acme"}).code, 64);
}

TEST(Permission, SaysWhatIsMeantAndNoMore) {
  FakeBrigd brigd;
  std::string body;
  brigd.on("PUT /v1/meshes/m/permissions/ana", [&](const FakeRequest& request) {
    body = request.body;
    return FakeAnswer{200, R"({"peer": "ana"})"};
  });
  brigd.on("GET /v1/meshes/m/permissions", [](const FakeRequest&) {
    return FakeAnswer{
        200, R"({"defaults": {"owner": {"tools": true}}, "overrides": [{"peer": "ana", "vault": false}]})"};
  });
  auto permission = [&](std::vector<std::string> words) {
    words.insert(words.begin(), "permission");
    words.insert(words.end(), {"--mesh", "m"});
    BrigProcess process(brigd.host(), std::move(words));
    process.close_stdin();
    auto out = process.output();
    auto err = process.errors();
    return Said{out, err, process.wait()};
  };
  EXPECT_EQ(permission({"set", "ana", "--allow", "tools", "--deny", "deploy", "--deny", "vault"}).code, 0);
  EXPECT_EQ(body, R"({"deploy":false,"tools":true,"vault":false})");
  EXPECT_EQ(permission({"set", "ana", "--default"}).code, 0);
  EXPECT_EQ(body, "{}");
  EXPECT_EQ(permission({"set", "ana"}).code, 64);
  EXPECT_EQ(permission({"set", "ana", "--default", "--deny", "tools"}).code, 64);
  EXPECT_EQ(permission({"set", "ana", "--allow", "tools", "--deny", "tools"}).code, 64);
  EXPECT_THAT(permission({"set", "ana", "--deny", "tool"}).err, HasSubstr("did you mean 'tools'"));
  auto listed = permission({"ls"});
  EXPECT_THAT(listed.out, HasSubstr("role owner"));
  EXPECT_THAT(listed.out, HasSubstr("ana"));
}

TEST(Audit, SaysWhereItBroke) {
  FakeBrigd brigd;
  std::string verdict = R"({"valid": true, "entries": 7, "hash": "abc"})", query;
  brigd.on("GET /v1/meshes/m/audit/verify", [&](const FakeRequest&) { return FakeAnswer{200, verdict}; });
  brigd.on("GET /v1/meshes/m/audit/export", [](const FakeRequest&) {
    return FakeAnswer{200, "{\"id\":1}\n{\"id\":2}\n", "application/x-ndjson"};
  });
  brigd.on("GET /v1/meshes/m/audit", [&](const FakeRequest& request) {
    query = request.query;
    return FakeAnswer{
        200, R"({"entries": [{"id": 3, "created_at": "then", "event": "service.scope", "actor": "uid:0",
                                            "payload": {"service": "x"}}]})"};
  });
  auto audit = [&](std::vector<std::string> words) {
    words.insert(words.begin(), "audit");
    words.insert(words.end(), {"--mesh", "m"});
    BrigProcess process(brigd.host(), std::move(words));
    process.close_stdin();
    auto out = process.output();
    auto err = process.errors();
    return Said{out, err, process.wait()};
  };
  auto said = audit({"verify"});
  EXPECT_EQ(said.code, 0);
  EXPECT_EQ(said.out, "7 entries, as they were written; the last is abc\n");
  verdict = R"({"valid": true, "entries": 7, "first": 101, "hash": "abc"})";
  EXPECT_EQ(audit({"verify"}).out, "7 entries since number 101, as they were written; the last is abc\n");
  verdict = R"({"valid": false, "entries": 7, "first": 1, "broken_at": 3, "hash": "abc"})";
  said = audit({"verify"});
  EXPECT_EQ(said.code, 1);
  EXPECT_THAT(said.out, HasSubstr("entry 3 of 7"));
  EXPECT_EQ(audit({"export"}).out, "{\"id\":1}\n{\"id\":2}\n");
  said = audit({"ls", "-n", "5", "--event", "service"});
  EXPECT_EQ(query, "limit=5&event=service");
  EXPECT_THAT(said.out, HasSubstr(R"({"service":"x"})"));
}

TEST(Service, ApprovesWhatWasLookedAt) {
  FakeBrigd brigd;
  std::string lists, approved;
  const std::string gate = R"({"pinning": "ask", "allow": [], "deny": [], "tools": [
    {"name": "same", "standing": "open", "fingerprint": "aa"},
    {"name": "changed", "standing": "changed", "fingerprint": "bb", "changes": [
      {"member": "description", "before": "line one\nold", "after": "line one\nnew"},
      {"member": "annotations", "before": {"a": 1, "b": 2}, "after": {"a": 1, "b": 3}}]},
    {"name": "fresh", "standing": "new", "fingerprint": "cc", "changes": []}]})";
  brigd.on("GET /v1/meshes/m/services/s/tool-gate", [&](const FakeRequest&) {
    return FakeAnswer{200, gate};
  });
  brigd.on("PUT /v1/meshes/m/services/s/tool-gate", [&](const FakeRequest& request) {
    lists = request.body;
    return FakeAnswer{200, gate};
  });
  brigd.on("POST /v1/meshes/m/services/s/approve", [&](const FakeRequest& request) {
    approved = request.body;
    return FakeAnswer{200, gate};
  });
  auto brig = [&](std::vector<std::string> words) {
    words.insert(words.begin(), "service");
    words.insert(words.end(), {"--mesh", "m"});
    BrigProcess process(brigd.host(), std::move(words));
    process.close_stdin();
    auto out = process.output();
    auto err = process.errors();
    return Said{out, err, process.wait()};
  };
  auto said = brig({"approve", "s"});
  EXPECT_EQ(said.code, 65) << "nobody to ask";
  EXPECT_EQ(approved, "");
  EXPECT_THAT(said.out,
              HasSubstr("changed is changed\n  description\n    - old\n    + new\n  annotations\n"));
  EXPECT_THAT(said.out, HasSubstr("    -   \"b\": 2\n    +   \"b\": 3\n"));
  EXPECT_THAT(said.out, HasSubstr("fresh is new"));
  EXPECT_THAT(said.out, Not(HasSubstr("same")));
  EXPECT_EQ(brig({"approve", "s", "-y"}).code, 0);
  EXPECT_EQ(approved,
            R"({"tools":[{"fingerprint":"bb","name":"changed"},{"fingerprint":"cc","name":"fresh"}]})");
  EXPECT_EQ(brig({"approve", "s", "fresh", "-y"}).code, 0);
  EXPECT_EQ(approved, R"({"tools":[{"fingerprint":"cc","name":"fresh"}]})");
  EXPECT_THAT(brig({"approve", "s", "same", "-y"}).err, HasSubstr("no tool 'same' of service 's' waits"));

  EXPECT_EQ(brig({"tools", "s", "--allow", "read_*", "--allow", "x", "--deny", "y"}).code, 0);
  EXPECT_EQ(lists, R"({"allow":["read_*","x"],"deny":["y"]})");
  EXPECT_EQ(brig({"tools", "s", "--default"}).code, 0);
  EXPECT_EQ(lists, R"({"allow":[],"deny":[]})");
  EXPECT_EQ(brig({"tools", "s", "--default", "--deny", "y"}).code, 64);
  EXPECT_EQ(brig({"tools", "s", "same", "--deny", "y"}).code, 64);
  EXPECT_THAT(brig({"tools", "s", "--all"}).out, HasSubstr("fresh"));
}

TEST(Service, SaysAndChangesItsScope) {
  FakeBrigd brigd;
  std::string body;
  brigd.on("GET /v1/meshes/m/services/x/scope", [](const FakeRequest&) {
    return FakeAnswer{200, R"({"scope": {"peers": ["ana"], "group": "a/b", "roles": ["admin", "owner"]}})"};
  });
  brigd.on("PUT /v1/meshes/m/services/x/scope", [&](const FakeRequest& request) {
    body = request.body;
    return FakeAnswer{200, request.body};
  });
  EXPECT_EQ(service(brigd, {"scope", "x", "--mesh", "m"}).out, "peer:ana group:a/b role:admin role:owner\n");
  EXPECT_EQ(service(brigd, {"scope", "x", "mesh", "--mesh", "m"}).out, "mesh\n");
  EXPECT_EQ(body, R"({"scope":"mesh"})");
  EXPECT_EQ(service(brigd, {"scope", "x", "role:admin", "--mesh", "m"}).out, "role:admin\n");
  for (const char* bad : {"all", "group:", "peers:ana", ":x"}) {
    auto said = service(brigd, {"scope", "x", bad, "--mesh", "m"});
    EXPECT_EQ(said.code, 64) << bad;
    EXPECT_THAT(said.err, HasSubstr("names nobody")) << bad;
  }
  EXPECT_THAT(service(brigd, {"scope", "x", "mesh", "peer:ana", "--mesh", "m"}).err,
              HasSubstr("stands alone"));
}

TEST(Service, SaysWhatIsMissingBeforeItAsks) {
  FakeBrigd brigd;
  for (auto [words, why] :
       {std::pair<std::vector<std::string>, const char*>{{"deploy", "x", "--npm", "a"}, "--mesh"},
        {{"deploy", "x", "--mesh", "m"},
         "--npm PACKAGE, --git URL, --zip FILE, --image IMAGE, --remote URL or --dir DIR"},
        {{"deploy", "x", "--mesh", "m", "--npm", "a", "--dir", "/b"},
         "--npm PACKAGE, --git URL, --zip FILE, --image IMAGE, --remote URL or --dir DIR"},
        {{"deploy", "x", "--mesh", "m", "--dir", "/b", "--bin", "c"}, "--bin goes with --npm"},
        {{"deploy", "x", "--mesh", "m", "--npm", "a", "--cpus", "two"}, "--cpus 'two'"},
        {{"call", "x", "echo", "{", "--mesh", "m"}, "no JSON object"}}) {
    auto said = service(brigd, words);
    EXPECT_NE(said.code, 0);
    EXPECT_THAT(said.err, HasSubstr(why));
  }
  EXPECT_TRUE(brigd.requests().empty());
}

TEST(Service, TellsAFailureThatComesAtTheEnd) {
  FakeBrigd brigd;
  brigd.on("POST /v1/meshes/m/services/x/update", [](const FakeRequest&) {
    return FakeAnswer{
        200,
        "{\"state\":\"building\"}\n{\"error\":{\"code\":\"conflict\",\"status\":409,\"detail\":\"npm said "
        "no\"}}\n",
        "application/x-ndjson"};
  });
  auto said = service(brigd, {"update", "x", "--mesh", "m"});
  EXPECT_NE(said.code, 0);
  EXPECT_THAT(said.err, HasSubstr("npm said no"));
}

TEST(Service, HandsInAZip) {
  FakeBrigd brigd;
  std::string handed, asked;
  brigd.on("POST /v1/meshes/m/uploads", [&](const FakeRequest& request) {
    handed = request.body;
    return FakeAnswer{201, R"({"file_id":"the-file","bytes":3})"};
  });
  brigd.on("POST /v1/meshes/m/services", [&](const FakeRequest& request) {
    asked = request.body;
    return FakeAnswer{200, "{\"done\":{\"name\":\"x\",\"state\":\"running\",\"tools\":2}}\n",
                      "application/x-ndjson"};
  });
  char file[] = "/tmp/brig-cli-test-XXXXXX";
  UniqueFd made(::mkstemp(file));
  ASSERT_EQ(::write(made.get(), "PK!", 3), 3);
  auto said = service(brigd, {"deploy", "x", "--zip", file, "--mesh", "m"});
  ::unlink(file);
  EXPECT_EQ(said.out, "x running, 2 tools\n") << said.err;
  EXPECT_THAT(handed, HasSubstr("PK!"));
  EXPECT_EQ(json::parse(asked)["source"], json({{"zip", {{"file_id", "the-file"}}}}));
  auto both = service(brigd, {"deploy", "x", "--zip", file, "--dir", "/d", "--mesh", "m"});
  EXPECT_THAT(both.err, HasSubstr("must be said once"));
}

TEST(Service, GoesBackToAVersion) {
  FakeBrigd brigd;
  std::string asked;
  brigd.on("POST /v1/meshes/m/services/x/rollback", [&](const FakeRequest& request) {
    asked = request.body;
    return FakeAnswer{200,
                      "{\"state\":\"starting\"}\n{\"done\":{\"name\":\"x\",\"state\":\"running\","
                      "\"version\":\"1.0\",\"tools\":1}}\n",
                      "application/x-ndjson"};
  });
  auto before = service(brigd, {"rollback", "x", "--mesh", "m"});
  EXPECT_EQ(before.out, "x running, version 1.0, 1 tool\n") << before.err;
  EXPECT_EQ(asked, "");
  EXPECT_EQ(service(brigd, {"rollback", "x", "--to", "3", "--mesh", "m"}).code, 0);
  EXPECT_EQ(json::parse(asked), json({{"version", 3}}));
  EXPECT_NE(service(brigd, {"rollback", "x", "--to", "three", "--mesh", "m"}).code, 0);
}

TEST(Service, FollowsALogLineByLine) {
  FakeBrigd brigd;
  std::string lines = "{\"at\":\"t1\",\"text\":\"one\"}\n{\"at\":\"t2\",\"text\":\"two\"}\n";
  std::string asked;
  brigd.on("GET /v1/meshes/m/services/x/logs", [&](const FakeRequest& request) {
    asked = request.query;
    return FakeAnswer{200, lines, "application/x-ndjson"};
  });
  auto said = service(brigd, {"logs", "x", "--mesh", "m", "-f", "-n", "2"});
  EXPECT_EQ(said.out, "t1 one\nt2 two\n") << said.err;
  EXPECT_THAT(asked, HasSubstr("last=2"));
  EXPECT_THAT(asked, HasSubstr("follow=true"));
  EXPECT_EQ(service(brigd, {"logs", "x", "--mesh", "m", "-f", "--json"}).out, lines);
  lines += "{\"error\":{\"code\":\"not_found\",\"status\":404,\"detail\":\"not yours any more\"}}\n";
  auto refused = service(brigd, {"logs", "x", "--mesh", "m", "-f"});
  EXPECT_NE(refused.code, 0);
  EXPECT_THAT(refused.err, HasSubstr("not yours any more"));
}

TEST(Service, PrintsWhatAToolSaysAndHowItWent) {
  FakeBrigd brigd;
  std::string answer;
  brigd.on("POST /v1/meshes/m/services/x/call", [&](const FakeRequest&) { return FakeAnswer{200, answer}; });
  auto call = [&](std::string text) {
    answer = std::move(text);
    BrigOptions options;
    options.environment["BRIG_MESH"] = "m";
    return service(brigd, {"call", "x", "echo", R"({"a":1})"}, std::move(options));
  };
  auto fine =
      call(R"({"result":{"content":[{"type":"text","text":"hi"},{"type":"image","mimeType":"image/png"}]}})");
  EXPECT_EQ(fine.code, 0) << fine.err;
  EXPECT_EQ(fine.out, "hi\n[image image/png; --json shows it]\n");
  auto failed = call(R"({"result":{"isError":true,"content":[{"type":"text","text":"sorry"}]}})");
  EXPECT_EQ(failed.code, 1);
  EXPECT_EQ(failed.out, "sorry\n");
  auto refused = call(R"({"error":{"code":-32602,"message":"bad"}})");
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.err, HasSubstr("the server refused: bad"));
}

}  // namespace
}  // namespace brig::cli::test
