// A mesh as one MCP server, from a client's standard input to the processes in their sandboxes and back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <map>
#include <nlohmann/json.hpp>

#include "brigd.hpp"
#include "talk.hpp"

namespace brig::test {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::HasSubstr;

const Images kImages{BRIG_SOURCE_DIR "/images", "brig-real", "auto"};

class McpGateway : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    Brigd brigd({}, {}, kImages);
    auto built = harness::run(brigd.command({"image", "build", "node"}), {}, brigd.options(),
                              std::chrono::minutes(10));
    ASSERT_TRUE(built && built->code == 0) << (built ? built->err : built.error().message);
  }
  void SetUp() override {
    auto dir = brigd.project("server");
    for (const char* file : {"index.mjs", "package.json"})
      fs::copy_file(fs::path(SERVER_DIR) / file, dir / file);
    for (std::string name : {"one", "two_"}) {
      auto done =
          harness::run(brigd.command({"service", "deploy", name, "--dir", dir.string(), "--mesh", "acme"}),
                       {}, brigd.options(), std::chrono::minutes(5));
      ASSERT_TRUE(done && done->code == 0) << (done ? done->err : done.error().message);
    }
  }
  void TearDown() override {
    brigd.brig({"service", "rm", "one", "two_", "--mesh", "acme"});
    brigd.remove_volumes();
    brigd.expect_nothing_left();
  }

  // An exchange with the gateway by hand: status, headers and body, as they come.
  std::vector<std::string> curl(std::vector<std::string> more,
                                const std::string& path = "/v1/meshes/acme/mcp") {
    std::vector<std::string> out{"curl",
                                 "-sSiN",
                                 "--unix-socket",
                                 brigd.socket().string(),
                                 "-H",
                                 "Accept: application/json, text/event-stream"};
    out.insert(out.end(), more.begin(), more.end());
    out.push_back("http://localhost" + path);
    return out;
  }
  std::string http(std::vector<std::string> more, const std::string& path = "/v1/meshes/acme/mcp") {
    auto done = harness::run(curl(std::move(more), path));
    EXPECT_TRUE(done && done->code == 0) << (done ? done->err : done.error().message);
    return done ? done->out : "";
  }
  static std::vector<std::string> post(const json& message, const std::string& session = {}) {
    std::vector<std::string> out{"-H", "Content-Type: application/json", "-d", message.dump()};
    if (!session.empty()) out.insert(out.end(), {"-H", "Mcp-Session-Id: " + session});
    return out;
  }

  Brigd brigd{{}, {}, kImages};
};

TEST_F(McpGateway, PassesAllThatMcpHas) {
  Talk talk(brigd, {"acme"});
  auto hello = talk.hello();
  EXPECT_EQ(hello["serverInfo"]["title"], "acme");
  EXPECT_THAT(hello["instructions"].get<std::string>(), HasSubstr("Ask nicely."));

  std::vector<std::string> names;
  auto tools = talk.result("tools/list");
  for (const auto& tool : tools["tools"]) names.push_back(tool["name"]);
  EXPECT_THAT(names, Contains("one__echo"));
  EXPECT_THAT(names, Contains("two_.__echo"));
  EXPECT_EQ(talk.call("one__echo", {{"message", "h\u00e9\n\"1e400\""}}), "h\u00e9\n\"1e400\"");
  EXPECT_EQ(talk.call("two_.__echo", {{"message", "hi"}}), "hi");
  EXPECT_EQ(talk.answer(talk.ask("tools/call", {{"name", "three__echo"}}))["error"]["code"], -32602);

  // Many at once, on one server, each with his own answer.
  std::map<int, std::string> all;
  for (int i = 0; i < 32; ++i) {
    auto id =
        talk.ask("tools/call", {{"name", "one__echo"}, {"arguments", {{"message", std::to_string(i)}}}});
    all[id] = std::to_string(i);
  }
  for (const auto& [id, message] : all) EXPECT_EQ(talk.answer(id)["result"]["content"][0]["text"], message);

  auto counting = talk.ask("tools/call", {{"name", "one__count"}, {"_meta", {{"progressToken", "mine"}}}});
  for (int i = 1; i <= 3; ++i)
    EXPECT_EQ(talk.told("notifications/progress")["params"],
              json({{"progressToken", "mine"}, {"progress", i}, {"total", 3}}));
  EXPECT_EQ(talk.answer(counting)["result"]["content"][0]["text"], "counted");

  auto sampling = talk.ask("tools/call", {{"name", "one__sample"}, {"arguments", {{"prompt", "why?"}}}});
  auto question = talk.told("sampling/createMessage");
  EXPECT_EQ(question["params"]["messages"][0]["content"]["text"], "why?");
  talk.send({{"jsonrpc", "2.0"}, {"id", question["id"]}, {"result", {{"model", "m"}}}});
  EXPECT_EQ(talk.answer(sampling)["result"]["content"][0]["text"], R"({"model":"m"})");

  talk.result("logging/setLevel", {{"level", "warning"}});
  EXPECT_EQ(talk.call("one__speak"), "spoken");
  EXPECT_EQ(talk.told("notifications/message")["params"]["data"], "enough");

  EXPECT_EQ(talk.result("resources/list")["resources"][1]["uri"], "brig://two_/demo://note");
  EXPECT_EQ(talk.result("resources/read", {{"uri", "brig://one/demo://note"}})["contents"][0]["text"],
            "a note");
  talk.result("resources/subscribe", {{"uri", "brig://one/demo://note"}});
  EXPECT_EQ(talk.told("notifications/resources/updated")["params"]["uri"], "brig://one/demo://note");
  EXPECT_EQ(talk.result("prompts/get", {{"name", "two_.__greet"}})["messages"][0]["content"]["text"],
            "greet you");

  auto waiting = talk.ask("tools/call", {{"name", "one__wait"}});
  eventually([&] { return talk.call("one__waiting") == "1"; }, "the call is in flight");
  for (int i = 0; i < 140; ++i) EXPECT_EQ(talk.call("one__echo", {{"message", "hi"}}), "hi");  // past it
  talk.send(
      {{"jsonrpc", "2.0"}, {"method", "notifications/cancelled"}, {"params", {{"requestId", waiting}}}});
  EXPECT_TRUE(
      eventually([&] { return talk.call("one__cancelled") == "1"; }, "the server hears of the cancellation"));

  // What comes and goes is told.
  talk.heard.clear();
  EXPECT_EQ(brigd.brig({"service", "stop", "two_", "--mesh", "acme"}).code, 0);
  talk.told("notifications/tools/list_changed");
  tools = talk.result("tools/list");
  for (const auto& tool : tools["tools"]) EXPECT_THAT(tool["name"].get<std::string>(), HasSubstr("one__"));
}

TEST_F(McpGateway, StandsForOneServiceThroughDeaths) {
  Talk talk(brigd, {"acme", "--service", "one"});
  EXPECT_EQ(talk.hello()["serverInfo"], json({{"name", "asks-back"}, {"version", "0.1.0"}}));
  EXPECT_EQ(talk.call("echo", {{"message", "hi"}}), "hi");
  EXPECT_EQ(talk.result("tools/list")["tools"][0]["annotations"], json({{"readOnlyHint", true}}));

  // brigd dies with a call in flight: that call gets an error, the next one works, and the client sees no
  // more of it.
  auto waiting = talk.ask("tools/call", {{"name", "wait"}});
  eventually([&] { return talk.call("waiting") == "1"; }, "the call is in flight");
  brigd.kill_hard();
  EXPECT_TRUE(talk.answer(waiting).contains("error"));
  brigd.start();
  EXPECT_TRUE(eventually(
      [&] {
        auto said =
            talk.answer(talk.ask("tools/call", {{"name", "echo"}, {"arguments", {{"message", "again"}}}}));
        return said.contains("result") && said["result"]["content"][0]["text"] == "again";
      },
      "calls work again"));
  EXPECT_EQ(talk.finish(), 0);
}

TEST_F(McpGateway, SpeaksStreamableHttp) {
  json hello{{"jsonrpc", "2.0"},
             {"id", 0},
             {"method", "initialize"},
             {"params", {{"protocolVersion", "2025-11-25"}}}};
  auto begun = http(post(hello));
  auto at = begun.find("Mcp-Session-Id: ");
  ASSERT_NE(at, std::string::npos) << begun;
  auto session = begun.substr(at + 16, 32);
  json ping{{"jsonrpc", "2.0"}, {"id", 1}, {"method", "ping"}};
  EXPECT_THAT(http(post(ping, session)), HasSubstr(R"({"jsonrpc":"2.0","id":1,"result":{}})"));
  EXPECT_THAT(http(post(ping)), HasSubstr("HTTP/1.1 400"));
  EXPECT_THAT(http(post(ping, std::string(32, '0'))), HasSubstr("HTTP/1.1 404"));
  EXPECT_THAT(http(post(ping, session), "/v1/meshes/other/mcp"), HasSubstr("HTTP/1.1 404"));
  json note{{"jsonrpc", "2.0"}, {"method", "notifications/initialized"}};
  EXPECT_THAT(http(post(note, session)), HasSubstr("HTTP/1.1 202"));
  auto odd = post(ping, session);
  odd.insert(odd.end(), {"-H", "MCP-Protocol-Version: 1999-01-01"});
  EXPECT_THAT(http(odd), HasSubstr("HTTP/1.1 400"));
  auto page = post(ping, session);
  page.insert(page.end(), {"-H", "Origin: https://elsewhere.test"});
  EXPECT_THAT(http(page), HasSubstr("HTTP/1.1 403"));

  // A connection is lost in the middle of a call, which goes on; its answer is there for who comes back.
  json call{{"jsonrpc", "2.0"}, {"id", 2}, {"method", "tools/call"}, {"params", {{"name", "one__wait"}}}};
  auto options = brigd.options();
  options.pipe_out = true;
  auto waiting = harness::Child::spawn(curl(post(call, session)), options);
  ASSERT_TRUE(waiting);
  std::string opening;
  while (opening.find("id: 1-0\ndata:\n\n") == std::string::npos) {
    char buffer[4096];
    pollfd p{waiting->out.get(), POLLIN, 0};
    ASSERT_EQ(::poll(&p, 1, kPatience), 1) << opening;
    auto count = ::read(p.fd, buffer, sizeof buffer);
    ASSERT_GT(count, 0) << opening;
    opening.append(buffer, static_cast<std::size_t>(count));
  }
  EXPECT_THAT(opening, HasSubstr("Content-Type: text/event-stream"));
  waiting->kill(SIGKILL);
  (void)waiting->wait();
  eventually(
      [&] {
        return brigd.brig({"service", "call", "one", "release", "--mesh", "acme"}).out == "1\n";
      },
      "the call is in flight");
  auto rest = http({"-H", "Mcp-Session-Id: " + session, "-H", "Last-Event-ID: 1-0"});
  EXPECT_THAT(rest, HasSubstr(R"("text":"released")"));
  EXPECT_THAT(rest, HasSubstr("id: 1-1\n"));

  EXPECT_THAT(http({"-X", "DELETE", "-H", "Mcp-Session-Id: " + session}), HasSubstr("HTTP/1.1 204"));
  EXPECT_THAT(http(post(ping, session)), HasSubstr("HTTP/1.1 404"));
}

}  // namespace
}  // namespace brig::test
