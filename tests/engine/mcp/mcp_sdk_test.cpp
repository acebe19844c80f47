// MCP servers as npm has them, in a mesh, called by the official SDK's client over HTTP and over stdio.
#include <gtest/gtest.h>

#include <csignal>
#include <future>

#include "brigd.hpp"
#include "node_kit.hpp"
#include "own_hosts.hpp"

namespace brig::test {
namespace {

namespace fs = std::filesystem;

const Images kImages{BRIG_SOURCE_DIR "/images", "brig-real", "auto"};
constexpr const char* kChecks[] = {"initialize",  "tools",     "many",    "files",      "memory",
                                   "backend",     "resources", "prompts", "completion", "sampling",
                                   "elicitation", "roots",     "logging", "progress",   "cancellation"};

class McpSdk : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    address = free_address();
    hosts.emplace("127.0.0.1 localhost backend.test\n");
    brigd.emplace("[api.tcp]\nlisten = \"" + address + "\"\n", "", kImages);
    done(*brigd, {"image", "build", "node"});
    // Where the vendor's server finds what it talks to, and all that it may talk to.
    auto backend = free_address();
    auto port = backend.substr(backend.find(':') + 1);
    ASSERT_EQ(brigd->brig({"vault", "set", "dc-key", "--mesh", "acme"}, "dc_of_the_test").code, 0);
    auto own = brigd->project("server");
    for (const char* file : {"index.mjs", "package.json"})
      fs::copy_file(fs::path(SERVER_DIR) / file, own / file);
    auto fetched = std::async(std::launch::async, [] {
      kit.emplace(*brigd, std::vector<std::string>{"@modelcontextprotocol/sdk", "@dontcode2/backend"});
    });
    const std::string npm = "@modelcontextprotocol/server-";
    deploy({{"ev", "--npm", npm + "everything"},
            {"files", "--npm", npm + "filesystem", "--arg", "/home/service"},
            {"mem", "--npm", npm + "memory", "--env", "MEMORY_FILE_PATH=/home/service/memory.jsonl"},
            {"dc", "--npm", "@dontcode2/backend", "--bin", "dontcode", "--arg", "mcp", "--env",
             "DONTCODE_API_KEY=$vault:dc-key", "--env", "DONTCODE_API_URL=http://backend.test:" + port,
             "--allow", "backend.test:" + port, "--allow", "127.0.0.1:" + port},
            {"own", "--dir", own.string()}});
    fetched.get();
    if (HasFailure()) return;
    fs::copy_file(CLIENT, kit->directory() / "client.mjs");
    auto started = harness::Child::spawn(
        kit->command("@dontcode2/backend/dist/mock/cli.js",
                     {"--port", port, "--ephemeral", "--quiet", "--api-key", "dc_of_the_test"}),
        brigd->options());
    ASSERT_TRUE(started);
    mock.emplace(std::move(*started));
    auto answers = [&] { return harness::run({"curl", "-s", "-o", "/dev/null", backend})->code == 0; };
    ASSERT_TRUE(eventually(answers, "the vendor's server is there"));
  }
  static void TearDownTestSuite() {
    if (mock) mock->kill(SIGKILL);
    mock.reset();
    kit.reset();
    brigd->brig({"service", "rm", "ev", "files", "mem", "dc", "own", "--mesh", "acme"});
    brigd->remove_volumes();
    brigd->expect_nothing_left();
    brigd.reset();
    hosts.reset();
  }

  static void deploy(std::vector<std::vector<std::string>> services) {
    std::vector<std::future<void>> all;
    for (auto& args : services) {
      args.insert(args.begin(), {"service", "deploy"});
      args.insert(args.end(), {"--mesh", "acme", "--scope", "mesh"});
      all.push_back(std::async(std::launch::async, [args] { done(*brigd, args); }));
    }
    for (auto& one : all) one.get();
  }

  // Every check passes.
  static void passes(std::vector<std::string> where) {
    auto options = brigd->options();
    options.env.emplace_back("NODE_EXTRA_CA_CERTS", (brigd->state() / "tls/api.crt").string());
    auto script = (kit->directory() / "client.mjs").string();
    auto finished = harness::run(kit->command(script, std::move(where)), {}, options);
    ASSERT_TRUE(finished) << finished.error().message;
    std::string expected;
    for (const char* check : kChecks) expected += "ok " + std::string(check) + "\n";
    EXPECT_EQ(finished->out, expected) << finished->err;
  }

  inline static std::string address;
  inline static std::optional<OwnHosts> hosts;
  inline static std::optional<Brigd> brigd;
  inline static std::optional<NodeKit> kit;
  inline static std::optional<harness::Child> mock;
};

TEST_F(McpSdk, IsServedOverHttp) {
  auto token = done(*brigd, {"token", "create", "--label", "peer", "--role", "user", "--mesh", "acme"});
  passes({"http", "https://" + address + "/v1/meshes/acme/mcp", token.substr(0, token.find('\n'))});
}

TEST_F(McpSdk, IsServedOverStdio) {
  auto where = brigd->command({"mcp", "acme"});
  where.insert(where.begin(), "stdio");
  passes(std::move(where));
}

}  // namespace
}  // namespace brig::test
