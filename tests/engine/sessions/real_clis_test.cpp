// The agents' real command lines, from images built here out of this host's registries, as far as they go
// without an account.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "brigd.hpp"
#include "core/files.hpp"
#include "image/lock.hpp"

namespace brig::test {
namespace {

using harness::Engine;
using testing::HasSubstr;
using testing::Not;

struct Cli {
  const char* provider;
  // Writes to the CLI's own configuration, and shows what is in there. No account, no network.
  std::vector<std::string> write, show;
  // In a session of a mesh: what it takes for that, and what it says once it knows of the mesh's services;
  // mesh_endpoint_test calls them.
  std::vector<std::string> env, meet;
  const char* met;
};

const Cli kClis[] = {
    {"claude",
     {"mcp", "add", "--scope", "user", "brig-was-here", "--", "/bin/true"},
     {"mcp", "get", "brig-was-here"},
     {"ANTHROPIC_API_KEY=none", "ANTHROPIC_BASE_URL=http://127.0.0.1:9", "CLAUDE_CODE_MAX_RETRIES=0"},
     {"--print", "hi", "--output-format", "stream-json", "--verbose"},
     R"({"name":"mesh","status":")"},
    {"codex",
     {"mcp", "add", "brig-was-here", "--", "/bin/true"},
     {"mcp", "list"},
     {},
     {"mcp", "get", "mesh"},
     "url: http://mesh.brig.internal/mcp"},
    {"gemini",
     {"mcp", "add", "--scope", "user", "brig-was-here", "/bin/true"},
     {"mcp", "list"},
     {"GEMINI_CLI_TRUST_WORKSPACE=true"},
     {"mcp", "list"},
     "mesh: http://mesh.brig.internal/mcp (http)"},
};

// The version that versions.lock pins, as the CLI itself says it.
std::string pinned(const std::string& id) {
  std::string file = BRIG_SOURCE_DIR "/images/versions.lock";
  auto text = read_file(file, 1 << 20);
  auto pins = image::parse_lock(text ? *text : "", file);
  if (pins) {
    for (const auto& pin : *pins) {
      if (pin.id != id || (pin.arch != "any" && pin.arch != image::machine_arch())) continue;
      return pin.version.substr(0, pin.version.size() - image::platform_suffix(pin.version).size());
    }
  }
  ADD_FAILURE() << "versions.lock has no " << id;
  return "?";
}

class RealCli : public testing::TestWithParam<Cli> {
 protected:
  RealCli() : brigd({}, {}, {BRIG_SOURCE_DIR "/images", "brig-real", "auto"}) {}
  ~RealCli() override {
    auto listed = Engine::shared().request("GET", "/volumes");
    auto all = listed ? nlohmann::json::parse(*listed, nullptr, false) : nlohmann::json::object();
    if (all.contains("Volumes"))
      for (const auto& volume : all["Volumes"])
        if (volume["Options"].is_object() &&
            volume["Options"].value("device", "").starts_with(brigd.state().string()))
          (void)Engine::shared().request("DELETE", "/volumes/" + volume["Name"].get<std::string>());
    EXPECT_EQ(brigd.brig({"image", "rm", GetParam().provider}).code, 0);
  }

  harness::Finished run(const std::vector<std::string>& args, const std::string& identity = {}) {
    std::vector<std::string> command = {"run", GetParam().provider, "--rm", "--empty"};
    if (!identity.empty()) command.insert(command.end(), {"--identity", identity});
    command.push_back("--");
    command.insert(command.end(), args.begin(), args.end());
    return brigd.brig(command);
  }

  Brigd brigd;
};

TEST_P(RealCli, RunsAndKeepsItsConfigurationPerIdentity) {
  const auto& cli = GetParam();
  auto built = harness::run(brigd.command({"image", "build", cli.provider}), {}, brigd.options(),
                            std::chrono::minutes(10));
  ASSERT_TRUE(built && built->code == 0) << (built ? built->err : built.error().message);

  auto version = run({"--version"});
  EXPECT_EQ(version.code, 0) << version.err;
  EXPECT_THAT(version.out, HasSubstr(pinned(cli.provider)));
  auto help = run({"--help"});
  EXPECT_EQ(help.code, 0) << help.err;
  EXPECT_THAT(help.out + help.err, HasSubstr("Usage"));

  auto wrote = run(cli.write);
  EXPECT_EQ(wrote.code, 0) << wrote.out << wrote.err;
  auto again = run(cli.show);
  EXPECT_EQ(again.code, 0) << again.out << again.err;
  EXPECT_THAT(again.out + again.err, HasSubstr("brig-was-here"));

  ASSERT_EQ(brigd.brig({"identity", "create", cli.provider, "--label", "Work"}).code, 0);
  // Where nothing of that name is, claude fails and names it; the lists do not have it.
  auto elsewhere = run(cli.show, "Work");
  EXPECT_THAT(elsewhere.out, Not(HasSubstr("/bin/true"))) << elsewhere.err;
  auto still = run(cli.show);
  EXPECT_THAT(still.out + still.err, HasSubstr("/bin/true"));

  // Of a mesh it knows by itself, there alone; and what it is told is in no configuration.
  EXPECT_THAT(still.out + still.err, Not(HasSubstr("mesh.brig.internal")));
  std::vector<std::string> command{"run", cli.provider, "--rm", "--empty", "--mesh", "acme"};
  for (const auto& variable : cli.env) command.insert(command.end(), {"-e", variable});
  command.push_back("--");
  command.insert(command.end(), cli.meet.begin(), cli.meet.end());
  auto met = brigd.brig(command);
  EXPECT_THAT(met.out + met.err, HasSubstr(cli.met));
  brigd.expect_nothing_left();
}

INSTANTIATE_TEST_SUITE_P(All, RealCli, testing::ValuesIn(kClis),
                         [](const auto& info) { return std::string(info.param.provider); });

}  // namespace
}  // namespace brig::test
