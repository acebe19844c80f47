// MCP servers that run elsewhere, in a mesh like its own: as npm has them, by both transports, and one that
// is choosy.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "node_kit.hpp"
#include "own_hosts.hpp"

namespace brig::test {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const Images kImages{BRIG_SOURCE_DIR "/images", "brig-real", "auto"};
constexpr const char* kEverything = "@modelcontextprotocol/server-everything/dist/index.js";
constexpr const char* kToken = "Bearer s3same-0pen";

class McpRemote : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    hosts.emplace("127.0.0.1 localhost elsewhere.test\n");
    brigd.emplace("", "", kImages);
    done(*brigd, {"image", "build", "node"});
    kit.emplace(*brigd, std::vector<std::string>{"@modelcontextprotocol/server-everything"});
  }
  static void TearDownTestSuite() {
    kit.reset();
    brigd->remove_volumes();
    brigd->expect_nothing_left();
    brigd.reset();
    hosts.reset();
  }
  void TearDown() override { brigd->brig({"service", "rm", "far", "--mesh", "acme"}); }

  // A server on a port of this host's own, which answers by then.
  struct Elsewhere {
    Elsewhere(harness::Child c, std::string p) : child(std::move(c)), port(std::move(p)) {}
    Elsewhere(const Elsewhere&) = delete;
    harness::Child child;
    std::string port;
    ~Elsewhere() {
      child.kill(SIGKILL);
      (void)child.wait();
    }
  };
  static std::unique_ptr<Elsewhere> start(const std::string& script, std::vector<std::string> args,
                                          std::string port = {}) {
    if (port.empty()) {
      auto address = free_address();
      port = address.substr(address.find(':') + 1);
    }
    for (auto& arg : args)
      if (arg == "PORT") arg = port;
    auto options = brigd->options();
    options.env.emplace_back("PORT", port);
    auto child = harness::Child::spawn(kit->command(script, std::move(args)), options);
    EXPECT_TRUE(child);
    auto answers = [&] {
      return harness::run({"curl", "-s", "-m", "1", "-o", "/dev/null", "127.0.0.1:" + port})->code != 7;
    };
    EXPECT_TRUE(eventually(answers, "the server elsewhere is there"));
    return std::make_unique<Elsewhere>(std::move(*child), port);
  }
  static harness::Finished deploy(const std::string& port, const std::string& path,
                                  std::vector<std::string> more = {}) {
    std::vector<std::string> args{"service",
                                  "deploy",
                                  "far",
                                  "--mesh",
                                  "acme",
                                  "--remote",
                                  "http://elsewhere.test:" + port + path,
                                  "--allow",
                                  "127.0.0.1:" + port};
    args.insert(args.end(), more.begin(), more.end());
    return *harness::run(brigd->command(args), {}, brigd->options(), std::chrono::minutes(2));
  }
  static harness::Finished call(const std::string& tool, const json& arguments = json::object()) {
    return brigd->brig({"service", "call", "far", tool, arguments.dump(), "--mesh", "acme"});
  }

  inline static std::optional<OwnHosts> hosts;
  inline static std::optional<Brigd> brigd;
  inline static std::optional<NodeKit> kit;
};

TEST_F(McpRemote, SpeaksStreamableHttp) {
  auto server = start(kEverything, {"streamableHttp"});
  auto deployed = deploy(server->port, "/mcp");
  ASSERT_EQ(deployed.code, 0) << deployed.err;
  auto shown = json::parse(brigd->brig({"service", "show", "far", "--mesh", "acme", "--json"}).out);
  EXPECT_EQ(shown["source_type"], "remote");
  EXPECT_EQ(shown["source"]["remote"]["url"], "http://elsewhere.test:" + server->port + "/mcp");
  EXPECT_GT(shown["tools"], 5);
  auto echoed = call("echo", {{"message", "from afar"}});
  EXPECT_EQ(echoed.out, "Echo: from afar\n") << echoed.err;

  // It is gone, is missed, and is back: whoever calls meanwhile is told.
  auto port = server->port;
  server.reset();
  auto lost = call("echo", {{"message", "x"}});
  EXPECT_NE(lost.code, 0);
  EXPECT_THAT(lost.err, HasSubstr("elsewhere.test"));
  server = start(kEverything, {"streamableHttp"}, port);
  eventually([&] { return call("echo", {{"message", "again"}}).out == "Echo: again\n"; }, "it is back");
}

TEST_F(McpRemote, SpeaksTheTransportOf2024) {
  auto server = start(kEverything, {"sse"});
  auto deployed = deploy(server->port, "/sse");
  ASSERT_EQ(deployed.code, 0) << deployed.err;
  auto echoed = call("echo", {{"message", "by events"}});
  EXPECT_EQ(echoed.out, "Echo: by events\n") << echoed.err;
}

TEST_F(McpRemote, IsGivenWhatItAsksForAndNamedWhereItRefuses) {
  auto nobody = free_address();
  auto absent = deploy(nobody.substr(nobody.find(':') + 1), "/mcp");
  EXPECT_NE(absent.code, 0);
  EXPECT_THAT(absent.err, HasSubstr("cannot be reached"));

  const std::string script = REMOTE_DIR "/strict.mjs";
  auto server = start(script, {"PORT", kToken});
  auto refused = deploy(server->port, "/");
  EXPECT_NE(refused.code, 0);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("401"), HasSubstr("HEADER_AUTHORIZATION")));
  ASSERT_EQ(brigd->brig({"vault", "set", "far", "--mesh", "acme"}, kToken).code, 0);
  auto deployed = deploy(server->port, "/", {"--env", "HEADER_AUTHORIZATION=$vault:far"});
  ASSERT_EQ(deployed.code, 0) << deployed.err;
  // What it says comes as it is.
  auto answer = brigd->brig({"service", "call", "far", "number", "--mesh", "acme", "--json"});
  EXPECT_THAT(answer.out, HasSubstr("12345678901234567890")) << answer.err;
  for (const auto& text : {brigd->log(), brigd->brig({"service", "logs", "far", "--mesh", "acme"}).out})
    EXPECT_THAT(text, Not(HasSubstr("s3same")));

  // A session that it has forgotten is begun anew.
  auto port = server->port;
  server.reset();
  server = start(script, {"PORT", kToken}, port);
  eventually([&] { return call("number").code == 0; }, "it has been greeted again");
}

}  // namespace
}  // namespace brig::test
