// Sessions of a mesh and its services: found from inside a sandbox without a network, a token, or a word.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "brigd.hpp"
#include "node_kit.hpp"

namespace brig::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const Images kImages{BRIG_SOURCE_DIR "/images", "brig-real", "auto"};

class MeshEndpoint : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    Brigd brigd({}, {}, kImages);
    done(brigd, {"image", "build", "node"});
  }
  void SetUp() override {
    server = brigd.project("server");
    for (const char* file : {"index.mjs", "package.json"})
      fs::copy_file(fs::path(SERVER_DIR) / file, server / file);
  }
  void TearDown() override {
    for (const auto& session : brigd.sessions())
      if (session["provider"] == "node") brigd.brig({"rm", "--force", session["id"].get<std::string>()});
    for (const char* mesh : {"acme", "other"})
      for (const char* name : {"one", "alien", "hers"}) brigd.brig({"service", "rm", name, "--mesh", mesh});
    brigd.remove_volumes();
    brigd.expect_nothing_left();
  }

  void deploy(const std::string& name, const std::string& mesh, const std::vector<std::string>& more = {}) {
    std::vector<std::string> args{"service", "deploy", name, "--dir", server.string(), "--mesh", mesh};
    args.insert(args.end(), more.begin(), more.end());
    done(brigd, args);
  }
  // A session that waits; empty if it could not be started.
  std::string start(std::vector<std::string> more, const std::string& token = {}) {
    std::vector<std::string> args{"run", "node",      "--empty",
                                  "-d",  "--overlay", std::string(CLIENT_INSIDE) + ":/home/agent/ask.mjs"};
    args.insert(args.end(), more.begin(), more.end());
    args.insert(args.end(), {"--", "sleep", "100000"});
    auto started = run(std::move(args), token);
    EXPECT_EQ(started.code, 0) << started.err;
    return started.out.substr(0, started.out.find('\n'));
  }
  harness::Finished run(std::vector<std::string> args, const std::string& token = {}) {
    auto options = brigd.options();
    if (!token.empty())
      options.env = {{"BRIG_HOST", "https://" + address},
                     {"BRIG_TOKEN", token},
                     {"BRIG_CA", (brigd.state() / "tls/api.crt").string()}};
    auto finished = harness::run(brigd.command(std::move(args)), {}, options, std::chrono::minutes(2));
    return finished ? *finished : harness::Finished{-1, "", finished.error().message};
  }
  // A peer of acme's.
  std::string token(std::vector<std::string> who) {
    who.insert(who.begin(), {"token", "create", "--ttl", "1h", "--mesh", "acme"});
    auto made = done(brigd, who);
    return made.substr(0, made.find('\n'));
  }
  harness::Finished inside(const std::string& session, std::vector<std::string> command) {
    command.insert(command.begin(), {"exec", session, "--"});
    return brigd.brig(std::move(command));
  }
  harness::Finished ask(const std::string& session, std::vector<std::string> what) {
    what.insert(what.begin(), {"node", "/home/agent/ask.mjs"});
    return inside(session, std::move(what));
  }

  std::string address = free_address();
  fs::path server;
  Brigd brigd{"[api.tcp]\nlisten = \"" + address + "\"\n", {}, kImages};
};

TEST_F(MeshEndpoint, IsFoundInsideAndIsAllThatIsFound) {
  deploy("one", "acme");
  deploy("alien", "other");
  auto session = start({"--mesh", "acme", "--deny", "*", "--name", "mine"});
  auto tools = ask(session, {"tools"});
  EXPECT_EQ(tools.code, 0) << tools.err;
  EXPECT_THAT(tools.out, AllOf(HasSubstr("one__echo\n"), Not(HasSubstr("alien"))));
  EXPECT_EQ(ask(session, {"call", "one__echo", "hi"}).out, "hi\n");
  EXPECT_THAT(ask(session, {"call", "alien__echo", "hi"}).err, HasSubstr("alien__echo"));

  // Of brigd it reaches nothing else, by whichever way.
  auto status =
      ask(session, {"status", "/v1/version", "/v1/sessions", "/v1/meshes/acme/mcp", "/metrics", "/mcp"});
  EXPECT_EQ(status.out,
            "/v1/version 404\n/v1/sessions 404\n/v1/meshes/acme/mcp 404\n/metrics 404\n/mcp 400\n")
      << status.err;
  auto proxied = inside(session, {"env", "-u", "NO_PROXY", "-u", "no_proxy", "curl", "-s", "-o", "/dev/null",
                                  "-w", "%{http_code}", "http://mesh.brig.internal/v1/version"});
  EXPECT_EQ(proxied.out, "404") << proxied.err;
  EXPECT_NE(inside(session, {"curl", "-sSf", "http://mesh.brig.internal:8080/mcp"}).code, 0);
  EXPECT_NE(inside(session, {"curl", "-sSf", "http://brig.internal/"}).code, 0);

  // Whose doing it was is written down.
  auto id = brigd.sessions();
  auto row = std::find_if(id.begin(), id.end(), [](const json& one) { return one["name"] == "mine"; });
  ASSERT_NE(row, id.end());
  json call;
  eventually(
      [&] {
        auto entries =
            json::parse(brigd.brig({"audit", "ls", "--mesh", "acme", "--json"}).out, nullptr, false);
        for (const auto& entry : entries.is_array() ? entries : json::array())
          if (entry["event"] == "tool.called") call = entry;
        return !call.is_null();
      },
      "the call is in the audit");
  EXPECT_EQ(call["actor"], "uid:0") << call;
  EXPECT_EQ(call["payload"]["session"], (*row)["id"]) << call;
  EXPECT_EQ(call["payload"]["tool"], "echo");

  // It is there again after brigd was killed, and in a fork.
  brigd.kill_hard();
  brigd.start();
  EXPECT_TRUE(eventually(
      [&] {
        return ask(session, {"call", "one__echo", "again"}).out == "again\n";
      },
      "the endpoint is there again"));
  ASSERT_EQ(brigd.brig({"fork", session, "--name", "twin"}).code, 0);
  auto forked = inside("twin", {"sh", "-c", "curl -s -o /dev/null -w '%{http_code}' $BRIG_MCP_URL"});
  EXPECT_EQ(forked.out, "400") << forked.err;

  // A server has none of it, nor a session without a mesh.
  for (const auto& one : brigd.sessions()) {
    if (one["name"] == "mine" || one["name"] == "twin") continue;
    auto tried = brigd.brig({"egress", "test", one["id"].get<std::string>(), "mesh.brig.internal:80"});
    EXPECT_THAT(tried.out + tried.err, HasSubstr("this one is of none"));
  }
  auto plain = start({"--allow", "*"});
  EXPECT_NE(inside(plain, {"getent", "hosts", "mesh.brig.internal"}).code, 0);
  EXPECT_EQ(inside(plain, {"sh", "-c", "echo \"$BRIG_MCP_URL\"; ls /run/brig"}).out.find("mcp"),
            std::string::npos);
}

// What its starter may call, and what nobody may forbids it at once.
TEST_F(MeshEndpoint, IsGoodForWhatItsStarterMayCall) {
  auto ana = token({"--peer", "ana", "--group", "eng/backend"});
  auto bo = token({"--peer", "bo", "--group", "ops"});
  deploy("one", "acme", {"--scope", "group:eng"});
  auto hers = start({}, ana);
  auto his = start({}, bo);
  EXPECT_EQ(ask(hers, {"call", "one__echo", "hi"}).out, "hi\n");
  auto nothing = ask(his, {"tools"});
  EXPECT_EQ(nothing.code, 0) << nothing.err;
  EXPECT_EQ(nothing.out, "");
  // An admin's session is nobody in particular there, whatever he may do elsewhere.
  deploy("alien", "other", {"--scope", "role:owner"});
  auto plain = start({"--mesh", "acme"});
  EXPECT_THAT(ask(plain, {"tools"}).out, Not(HasSubstr("alien")));

  done(brigd, {"service", "scope", "one", "peer:bo", "--mesh", "acme"});
  EXPECT_EQ(ask(his, {"call", "one__echo", "hi"}).out, "hi\n");
  EXPECT_EQ(ask(hers, {"tools"}).out, "");
  done(brigd, {"permission", "set", "bo", "--deny", "tools", "--mesh", "acme"});
  EXPECT_NE(ask(his, {"call", "one__echo", "hi"}).code, 0);
}

}  // namespace
}  // namespace brig::test
