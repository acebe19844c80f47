// Every route of the API document, tried by those whom the objects do not belong to. The document says which
// routes there are: one without a case here fails the test.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <yaml-cpp/yaml.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "brigd.hpp"
#include "core/unique_fd.hpp"

namespace brig::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

// What a route has to say to somebody who asks for what is another's.
enum class To {
  hidden,  // as if it did not exist: the answer for an id that nobody ever had
  own,     // an answer, with nothing of anybody else's in it
  all,     // an answer: it is about the service, which is everybody's
  admins,  // nothing: 403
};

struct Case {
  To to;
  std::string body = {};   // sent where there is one
  std::string query = {};  // appended, "?…"
  bool websocket = false;
  int status = 0;  // of `own` and `all`, where it is not 200
};

constexpr const char* kHello =
    R"({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": "2025-11-25"}})";
constexpr const char* kListTools = R"({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})";

const std::map<std::string, Case> kCases = {
    {"get /healthz", {To::all}},
    {"get /readyz", {To::all}},
    {"get /metrics", {To::own}},
    {"get /v1/openapi.yaml", {To::all}},
    {"get /v1/version", {To::all}},
    {"get /v1/doctor", {To::own}},
    {"get /v1/sessions", {To::own, "", "?all=1"}},
    {"get /v1/stats", {To::own}},
    {"post /v1/sessions", {To::own, R"({"provider": "box", "args": ["true"]})", "", false, 201}},
    {"post /v1/oneshot", {To::own, R"({"provider": "asks", "prompt": "x"})"}},
    {"get /v1/sessions/{ref}", {To::hidden}},
    {"delete /v1/sessions/{ref}", {To::hidden, "", "?force=1"}},
    {"post /v1/sessions/{ref}/stop", {To::hidden, R"({"grace_ms": 0})"}},
    {"get /v1/sessions/{ref}/checkpoints", {To::hidden}},
    {"post /v1/sessions/{ref}/checkpoints", {To::hidden, R"({"name": "mine"})"}},
    {"delete /v1/sessions/{ref}/checkpoints/{name}", {To::hidden}},
    {"post /v1/sessions/{ref}/restore", {To::hidden, R"({"checkpoint": "kept"})"}},
    {"post /v1/sessions/{ref}/fork", {To::hidden, R"({"name": "mine"})"}},
    {"post /v1/sessions/{ref}/discard", {To::hidden}},
    {"post /v1/sessions/{ref}/pause", {To::hidden}},
    {"post /v1/sessions/{ref}/resume", {To::hidden}},
    {"post /v1/sessions/{ref}/exec", {To::hidden, R"({"argv": ["touch", "/workspace/planted"]})"}},
    {"post /v1/sessions/{ref}/processes/{number}/signal", {To::hidden, R"({"signal": "KILL"})"}},
    {"get /v1/sessions/{ref}/processes/{number}/attach", {To::hidden, "", "?write=1", true}},
    {"get /v1/sessions/{ref}/logs", {To::hidden, "", "?process=1"}},
    {"get /v1/sessions/{ref}/egress", {To::hidden}},
    {"post /v1/sessions/{ref}/egress/rules", {To::hidden, R"({"verb": "allow", "rule": "x.test"})"}},
    {"delete /v1/sessions/{ref}/egress/rules", {To::hidden, "", "?rule=secret.test"}},
    {"post /v1/sessions/{ref}/egress/answer", {To::hidden, R"({"question": 1, "answer": "yes"})"}},
    {"get /v1/sessions/{ref}/egress/test", {To::hidden, "", "?target=secret.test:443"}},
    {"get /v1/sessions/{ref}/egress/log", {To::hidden}},
    {"get /v1/events", {To::own, "", "?once=1"}},
    {"get /v1/sessions/{ref}/changes", {To::hidden}},
    {"get /v1/sessions/{ref}/changes/patch", {To::hidden}},
    {"get /v1/sessions/{ref}/files", {To::hidden, "", "?path=/workspace/note"}},
    {"put /v1/sessions/{ref}/files", {To::hidden, "x", "?path=/workspace/planted&raw=1"}},
    {"post /v1/sessions/{ref}/previews", {To::hidden, R"({"port": 8080})"}},
    {"get /v1/previews", {To::own}},
    {"delete /v1/previews/{preview}", {To::hidden}},
    {"get /v1/sessions/{ref}/ports/{port}", {To::hidden, "", "", true}},
    {"post /v1/sessions/{ref}/apply", {To::hidden, "{}"}},
    {"post /v1/sessions/{ref}/undo", {To::hidden, "{}"}},
    {"get /v1/providers", {To::all}},
    {"get /v1/providers/{provider}", {To::all}},
    {"put /v1/providers/{provider}", {To::admins, R"({"title": "x"})"}},
    {"delete /v1/providers/{provider}", {To::admins}},
    {"get /v1/providers/{provider}/identities", {To::own}},
    {"post /v1/providers/{provider}/identities", {To::own, R"({"label": "Work"})", "", false, 201}},
    {"patch /v1/providers/{provider}/identities/{id}", {To::hidden, R"({"label": "Stolen"})"}},
    {"delete /v1/providers/{provider}/identities/{id}", {To::hidden}},
    {"get /v1/providers/{provider}/identities/{id}/probe", {To::hidden}},
    {"get /v1/volumes", {To::own}},
    {"post /v1/volumes", {To::own, R"({"name": "cache"})", "", false, 201}},
    {"get /v1/volumes/{volume}", {To::hidden}},
    {"delete /v1/volumes/{volume}", {To::hidden}},
    {"get /v1/volumes/{volume}/archive", {To::hidden}},
    {"post /v1/volumes/import", {To::own, "no archive", "", false, 500}},
    {"post /v1/volumes/{volume}/clone", {To::hidden, R"({"name": "copy"})"}},
    {"post /v1/volumes/{volume}/restore", {To::hidden}},
    {"post /v1/volumes/{volume}/pin", {To::hidden}},
    {"delete /v1/volumes/{volume}/pin", {To::hidden}},
    {"post /v1/gc/plan", {To::admins, R"({"kinds": ["session"]})"}},
    {"post /v1/gc", {To::admins, R"({"things": []})"}},
    {"get /v1/prune/rules", {To::admins}},
    {"post /v1/prune/plan", {To::own, R"({"unused_for": "0s"})"}},
    {"post /v1/prune", {To::own, R"({"rules": {"unused_for": "0s"}, "volumes": []})"}},
    {"get /v1/images", {To::all}},
    {"get /v1/images/outdated", {To::all, "", "", false, 404}},  // these images have no versions.lock
    {"delete /v1/images/{name}", {To::all, "", "", false, 404}},
    {"post /v1/images/{name}/build", {To::all, "", "", false, 404}},
    {"get /v1/profiles", {To::all}},
    {"post /v1/policy/explain", {To::all, "{}"}},
    {"get /v1/vault", {To::own}},
    {"put /v1/vault/{name}", {To::own, R"({"value": "bobs"})"}},
    {"delete /v1/vault/{name}", {To::hidden}},
    {"get /v1/meshes/{mesh}/audit", {To::hidden}},
    {"get /v1/meshes/{mesh}/audit/verify", {To::hidden}},
    {"get /v1/meshes/{mesh}/audit/export", {To::hidden}},
    {"get /v1/meshes/{mesh}/permissions", {To::hidden}},
    {"put /v1/meshes/{mesh}/permissions/{peer}", {To::hidden, R"({"tools": true})"}},
    {"post /v1/meshes/{mesh}/uploads", {To::hidden, "no zip"}},
    {"get /v1/meshes/{mesh}/services", {To::own}},
    {"post /v1/meshes/{mesh}/services",
     {To::hidden, R"({"name": "planted", "source": {"npm": {"package": "x"}}})"}},
    {"get /v1/meshes/{mesh}/services/{name}", {To::hidden}},
    {"delete /v1/meshes/{mesh}/services/{name}", {To::hidden}},
    {"get /v1/meshes/{mesh}/services/{name}/scope", {To::hidden}},
    {"put /v1/meshes/{mesh}/services/{name}/scope", {To::hidden, R"({"scope": "mesh"})"}},
    {"post /v1/meshes/{mesh}/services/{name}/update", {To::hidden}},
    {"post /v1/meshes/{mesh}/services/{name}/rollback", {To::hidden}},
    {"post /v1/meshes/{mesh}/services/{name}/restart", {To::hidden}},
    {"post /v1/meshes/{mesh}/services/{name}/stop", {To::hidden}},
    {"post /v1/meshes/{mesh}/services/{name}/pause", {To::hidden}},
    {"get /v1/meshes/{mesh}/services/{name}/tools", {To::hidden}},
    {"get /v1/meshes/{mesh}/services/{name}/tool-gate", {To::hidden}},
    {"put /v1/meshes/{mesh}/services/{name}/tool-gate", {To::hidden, R"({"deny": ["echo"]})"}},
    {"post /v1/meshes/{mesh}/services/{name}/approve",
     {To::hidden, R"({"tools": [{"name": "echo", "fingerprint": "x"}]})"}},
    {"post /v1/meshes/{mesh}/services/{name}/call", {To::hidden, R"({"tool": "echo"})"}},
    {"get /v1/meshes/{mesh}/services/{name}/files", {To::hidden}},
    {"get /v1/meshes/{mesh}/services/{name}/file", {To::hidden, "", "?path=SKILL.md"}},
    {"get /v1/meshes/{mesh}/services/{name}/logs", {To::hidden}},
    {"post /v1/meshes/{mesh}/mcp", {To::hidden, kListTools}},
    {"get /v1/meshes/{mesh}/mcp", {To::hidden}},
    {"delete /v1/meshes/{mesh}/mcp", {To::hidden}},
    {"post /v1/meshes/{mesh}/services/{name}/mcp", {To::hidden, kListTools}},
    {"get /v1/meshes/{mesh}/services/{name}/mcp", {To::hidden}},
    {"delete /v1/meshes/{mesh}/services/{name}/mcp", {To::hidden}},
    {"get /v1/system/df", {To::admins}},
    {"get /v1/tokens", {To::admins}},
    {"post /v1/tokens", {To::admins, R"({"label": "x", "role": "user"})"}},
    {"delete /v1/tokens/{id}", {To::admins}},
};

struct Answer {
  int status = 0;
  std::string body;
  std::string mcp_session = {};
};

class Tenancy : public testing::Test {
 protected:
  Tenancy()
      : address(free_address()),
        brigd("[api.tcp]\nlisten = \"" + address + "\"\n[preview]\nlisten = \"" + free_address() + "\"\n") {}
  ~Tenancy() override {
    for (const auto& volume : volumes())
      (void)harness::Engine::shared().request("DELETE", "/volumes/" + volume);
  }
  std::vector<std::string> volumes() {
    auto listed = harness::Engine::shared().request("GET", "/volumes");
    std::vector<std::string> out;
    auto all = listed ? json::parse(*listed, nullptr, false) : json::object();
    for (const auto& volume : all.value("Volumes", json::array()))
      if (volume["Options"].is_object() &&
          volume["Options"].value("device", "").starts_with(brigd.state().string()))
        out.push_back(volume["Name"]);
    return out;
  }

  std::string token(const std::string& owner, const std::string& mesh = {}) {
    std::vector<std::string> args = {"token", "create", "--label", owner, "--role", "user", "--owner", owner};
    if (!mesh.empty()) args.insert(args.end(), {"--mesh", mesh});
    auto made = brigd.brig(args);
    EXPECT_EQ(made.code, 0) << made.err;
    return made.out.substr(0, made.out.find('\n'));
  }

  Answer ask(const std::string& token, std::string method, const std::string& target,
             const std::string& body = {}, bool websocket = false) {
    std::transform(method.begin(), method.end(), method.begin(), ::toupper);
    std::vector<std::string> args = {"/usr/bin/curl",
                                     "-sS",
                                     "-k",
                                     "--max-time",
                                     "60",
                                     "-X",
                                     method,
                                     "-w",
                                     "\n%{http_code} %header{mcp-session-id}",
                                     "-H",
                                     "Authorization: Bearer " + token,
                                     "https://" + address + target};
    if (target.ends_with("/mcp")) {
      args.insert(args.end(), {"-H", "Accept: application/json, text/event-stream"});
      if (!mcp_session.empty()) args.insert(args.end(), {"-H", "Mcp-Session-Id: " + mcp_session});
    }
    if (websocket) {
      args.insert(
          args.end(),
          {"--http1.1", "-H", "Connection: Upgrade", "-H", "Upgrade: websocket", "-H",
           "Sec-WebSocket-Version: 13", "-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "-H",
           "Sec-WebSocket-Protocol: " +
               std::string(target.find("/ports/") == std::string::npos ? "brig.attach.v1" : "brig.port.v1")});
    } else if (!body.empty()) {
      args.insert(args.end(), {"-H", "Content-Type: application/json", "-d", body});
    }
    auto done = harness::run(args, {}, brigd.options());
    if (!done) return {0, done.error().message};
    auto cut = done->out.rfind('\n');
    if (cut == std::string::npos) return {0, done->err};
    auto space = done->out.find(' ', cut);
    return {std::atoi(done->out.c_str() + cut + 1), done->out.substr(0, cut), done->out.substr(space + 1)};
  }

  std::string mcp_session;  // sent with whatever goes to the MCP gateway
  std::string address;
  Brigd brigd;
};

// "/v1/sessions/{ref}/…" with the parameters as in `values`.
std::string filled(std::string path, const std::map<std::string, std::string>& values) {
  for (const auto& [name, value] : values) {
    auto at = path.find("{" + name + "}");
    if (at != std::string::npos) path.replace(at, name.size() + 2, value);
  }
  EXPECT_EQ(path.find('{'), std::string::npos) << path;
  return path;
}

// What a refusal says, without what is of the request alone.
std::string told(const Answer& answer, const std::string& id) {
  auto value = json::parse(answer.body, nullptr, false);
  if (value.is_object())
    for (const char* key : {"instance", "request_id"}) value.erase(key);
  auto text = std::to_string(answer.status) + " " + (value.is_discarded() ? answer.body : value.dump());
  for (std::size_t at = 0; (at = text.find(id)) != std::string::npos;) text.replace(at, id.size(), "ID");
  return text;
}

TEST_F(Tenancy, NobodySeesOrTouchesWhatIsAnothers) {
  auto put = brigd.brig({"provider", "add", "-"},
                        R"({"id": "asks", "title": "Asks", "image": "brig-test/busybox", "binary": "sh",
                            "one_shot": {"args": ["-c", "cat"]}})");
  ASSERT_EQ(put.code, 0) << put.err;
  auto alice = token("alice"), tenant = token("alice", "north"), bob = token("bob"),
       neighbour = token("bob", "north");

  // Alice's, each with something in it that nobody else may ever read.
  auto made = ask(alice, "post", "/v1/sessions",
                  R"({"provider": "kit", "name": "alices-victim", "labels": {"is": "alices-label"},
                      "policy": {"egress": {"allow": ["secret.test"]}},
                      "args": ["sh", "-c", "echo alices-words > note; cat note; exec sleep 1000"]})");
  ASSERT_EQ(made.status, 201) << made.body;
  auto victim = json::parse(made.body)["id"].get<std::string>();
  auto session = "/v1/sessions/" + victim;
  ASSERT_TRUE(eventually(
      [&] {
        return ask(alice, "get", session + "/logs?process=1").body.find("alices-words") != std::string::npos;
      },
      "she has written something"));
  ASSERT_EQ(ask(alice, "post", session + "/checkpoints", R"({"name": "alices-kept"})").status, 201);
  auto labelled = ask(alice, "post", "/v1/providers/kit/identities", R"({"label": "alices-account"})");
  ASSERT_EQ(labelled.status, 201) << labelled.body;
  auto identity = json::parse(labelled.body)["id"].get<std::string>();

  auto shared = ask(alice, "post", "/v1/volumes", R"({"name": "alices-cache"})");
  ASSERT_EQ(shared.status, 201) << shared.body;
  auto volume = json::parse(shared.body)["engine_name"].get<std::string>();

  ASSERT_EQ(ask(alice, "put", "/v1/vault/alices-key", R"({"value": "alices-value"})").status, 200);
  auto looked = ask(alice, "post", session + "/previews", R"({"port": 8080})");
  ASSERT_EQ(looked.status, 201) << looked.body;
  auto preview = json::parse(looked.body)["id"].get<std::string>();

  // One of hers in a mesh talks to its services: whoever has got hold of that session's id is not her.
  auto insider = token("alice", "acme");
  auto hello = ask(insider, "post", "/v1/meshes/acme/mcp", kHello);
  ASSERT_EQ(hello.status, 200) << hello.body;
  mcp_session = hello.mcp_session;
  ASSERT_EQ(mcp_session.size(), 32u);

  std::map<std::string, std::string> hers = {
      {"preview", preview}, {"volume", volume},  {"ref", victim},  {"name", "alices-kept"}, {"number", "1"},
      {"port", "8080"},     {"provider", "kit"}, {"id", identity}, {"mesh", "acme"},        {"peer", "ana"}};
  const std::string nobodys = "d0000000deadbeef";  // fit for an id and a name
  auto snapshot = [&] {
    std::string all;
    all += ask(alice, "get", "/v1/previews").body + ask(alice, "get", "/v1/vault").body;
    for (const char* part : {"", "/checkpoints", "/egress", "/changes", "/logs?process=1"})
      all += ask(alice, "get", session + part).body + "\n";
    all += ask(alice, "get", "/v1/providers/kit/identities").body;
    auto held = json::parse(ask(alice, "get", "/v1/volumes/" + volume).body, nullptr, false);
    for (const char* changing : {"prune", "size_on_host"})
      held.erase(changing);  // its age, what was written back
    all += held.dump();
    return all + ask(alice, "get", "/v1/sessions?all=1&label=is%3Dalices-label").body;
  };
  auto before = snapshot();
  EXPECT_THAT(before, HasSubstr("alices-words"));

  auto document = YAML::Load(ask(bob, "get", "/v1/openapi.yaml").body);
  std::set<std::string> seen;
  for (const auto& path : document["paths"]) {
    for (const auto& operation : path.second) {
      auto method = operation.first.as<std::string>(), pattern = path.first.as<std::string>();
      if (method == "parameters") continue;
      auto key = method + " " + pattern;
      auto found = kCases.find(key);
      ASSERT_TRUE(found != kCases.end()) << "a route without a case in this test: " << key;
      seen.insert(key);
      const auto& is = found->second;
      auto values = hers;
      if (pattern.starts_with("/v1/images/")) values["name"] = "no-such-image";
      if (pattern.starts_with("/v1/vault/")) values["name"] = is.to == To::own ? "bobs-key" : "alices-key";
      // A stranger, one who shares a mesh with nobody here, and her own token that is confined to a mesh she
      // did not make this in.
      for (const auto& [who, secret] : {std::pair<const char*, const std::string&>{"bob", bob},
                                        {"neighbour", neighbour},
                                        {"tenant", tenant}}) {
        auto answer = ask(secret, method, filled(pattern, values) + is.query, is.body, is.websocket);
        auto where = key + " for " + who + ": " + std::to_string(answer.status) + " " + answer.body;
        for (const auto& word : {victim, identity, preview, std::string("alices-")}) {
          // What he asked for himself may be named back to him.
          if (is.to == To::hidden) continue;
          EXPECT_EQ(answer.body.find(word), std::string::npos) << where;
        }
        if (is.to == To::admins) {
          EXPECT_EQ(answer.status, 403) << where;
        } else if (is.to != To::hidden) {
          EXPECT_EQ(answer.status, is.status ? is.status : 200) << where;
        } else {
          EXPECT_EQ(answer.status, 404) << where;
          auto unknown = values;
          auto has = [&](const char* part) { return pattern.find(part) != std::string::npos; };
          auto guessed = has("{ref}")                          ? "ref"
                         : has("{volume}")                     ? "volume"
                         : has("{preview}")                    ? "preview"
                         : has("/vault/") || has("/services/") ? "name"
                         : has("{mesh}")                       ? "mesh"
                                                               : "id";
          unknown[guessed] = nobodys;
          auto nothing = ask(secret, method, filled(pattern, unknown) + is.query, is.body, is.websocket);
          EXPECT_EQ(told(answer, values[guessed]), told(nothing, nobodys)) << key << " for " << who;
          if (has("{ref}") || has("{volume}")) {  // by its name, too
            auto name = has("{ref}") ? "alices-victim" : "alices-cache";
            unknown[guessed] = name;
            auto named = ask(secret, method, filled(pattern, unknown) + is.query, is.body, is.websocket);
            EXPECT_EQ(told(named, name), told(nothing, nobodys)) << key << " for " << who;
          }
        }
      }
    }
  }
  for (const auto& [key, is] : kCases) EXPECT_TRUE(seen.contains(key)) << key << " is no route any more";

  EXPECT_EQ(snapshot(), before);
  EXPECT_EQ(ask(insider, "post", "/v1/meshes/acme/mcp", kListTools).status, 200) << "nobody has ended it";
  mcp_session.clear();
  for (const auto& secret : {bob, neighbour, tenant})
    for (const char* path : {"/v1/meshes/acme/mcp", "/v1/meshes/acme/services/alices-kept/mcp"})
      EXPECT_EQ(ask(secret, "post", path, kHello).status, 404) << path;
  for (const char* query : {"?once=1&owner=alice", "?once=1&session=", "?once=1&since=0"}) {
    auto target = "/v1/events" + std::string(query) + (std::string(query).ends_with("=") ? victim : "");
    EXPECT_EQ(ask(bob, "get", target).body.find(victim), std::string::npos) << target;
  }
  for (const char* query : {"?owner=alice", "?larger=1", "?unused_for=1ms", "?sort=size"})
    EXPECT_EQ(ask(bob, "get", "/v1/volumes" + std::string(query)).body.find(volume), std::string::npos);
  EXPECT_EQ(ask(bob, "get", "/v1/volumes?foreign=1").status, 403);
  // Nobody prunes what he does not see.
  auto prune =
      ask(bob, "post", "/v1/prune",
          R"({"rules": {"unused_for": "0s"}, "volumes": [{"volume": ")" + volume + R"(", "used": "x"}]})");
  EXPECT_EQ(prune.status, 409) << prune.body;
  for (const char* query : {"?owner=alice", "?label=is%3Dalices-label", "?all=1&mesh=north"})
    EXPECT_EQ(ask(bob, "get", "/v1/sessions" + std::string(query)).body.find(victim), std::string::npos);
  // In a mesh of nobody's choosing.
  EXPECT_EQ(
      ask(bob, "post", "/v1/sessions", R"({"provider": "box", "mesh": "north", "args": ["true"]})").status,
      403);
  EXPECT_EQ(
      ask(tenant, "post", "/v1/sessions", R"({"provider": "box", "mesh": "south", "args": ["true"]})").status,
      403);
}

// A name in one mesh neither stands in the way of one in another nor shows there.
TEST_F(Tenancy, NamesAreOfAMesh) {
  auto north = token("carol", "north"), south = token("carol", "south"), everywhere = token("carol");
  const auto body = R"({"provider": "box", "name": "same", "args": ["sleep", "100000"]})";
  auto first = ask(north, "post", "/v1/sessions", body);
  ASSERT_EQ(first.status, 201) << first.body;
  EXPECT_EQ(ask(south, "get", "/v1/sessions/same").status, 404);
  EXPECT_EQ(ask(everywhere, "get", "/v1/sessions/same").status, 200) << "there is only one";
  auto second = ask(south, "post", "/v1/sessions", body);
  ASSERT_EQ(second.status, 201) << second.body;
  EXPECT_EQ(ask(south, "post", "/v1/sessions", body).status, 409);
  auto id_of = [](const Answer& answer) { return json::parse(answer.body, nullptr, false)["id"]; };
  EXPECT_EQ(id_of(ask(north, "get", "/v1/sessions/same")), id_of(first));
  EXPECT_EQ(id_of(ask(south, "get", "/v1/sessions/same")), id_of(second));
  auto unclear = ask(everywhere, "get", "/v1/sessions/same");
  EXPECT_EQ(unclear.status, 409);
  EXPECT_NE(unclear.body.find("in several meshes"), std::string::npos) << unclear.body;
  auto third = ask(everywhere, "post", "/v1/sessions", body);
  ASSERT_EQ(third.status, 201) << third.body;
  EXPECT_EQ(id_of(ask(everywhere, "get", "/v1/sessions/same")), id_of(third)) << "the one in no mesh";
  EXPECT_EQ(ask(south, "delete", "/v1/sessions/same?force=1").status, 204);
  EXPECT_EQ(id_of(ask(north, "get", "/v1/sessions/same")), id_of(first));
  for (const auto& who : {north, everywhere})
    EXPECT_EQ(ask(who, "delete", "/v1/sessions/same?force=1").status, 204);
}

}  // namespace
}  // namespace brig::test
