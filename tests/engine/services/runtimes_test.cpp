// Servers made for bun, and programs that run by themselves.
#include <gmock/gmock.h>

#include <fstream>

#include "services_house.hpp"

namespace brig::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class ServiceRuntimes : public ServicesHouse {
 protected:
  harness::Finished deploy_from(const fs::path& dir, std::vector<std::string> more = {}) {
    std::vector<std::string> args{"deploy", "mine", "--dir", dir.string()};
    args.insert(args.end(), more.begin(), more.end());
    return brig(std::move(args));
  }
};

// With a package of the registry, and what bun alone has.
TEST_F(ServiceRuntimes, BunIsTakenForWhatIsMadeForIt) {
  auto dir = brigd.project("bun");
  fs::create_directory(dir / "src");
  std::ofstream(dir / "bunfig.toml") << "telemetry = false\n";
  std::ofstream(dir / "package.json")
      << json({{"name", "of-bun"}, {"version", "2.0.0"}, {"dependencies", {{"is-number", "7.0.0"}}}});
  std::ofstream(dir / "src/index.ts") << R"ts(
import isNumber from 'is-number';
const results: Record<string, unknown> = {
  'initialize': { protocolVersion: '2025-06-18', capabilities: { tools: {} }, serverInfo: { name: 'bun', version: '1' } },
  'tools/list': { tools: [{ name: 'which', inputSchema: { type: 'object' } }] },
  'tools/call': { content: [{ type: 'text', text: `bun ${Bun.version.length > 0} ${isNumber(7)}` }] },
  'ping': {},
};
for await (const line of console) {
  const { id, method } = JSON.parse(line);
  if (id !== undefined) console.log(JSON.stringify({ jsonrpc: '2.0', id, result: results[method] ?? {} }));
}
)ts";
  auto done = deploy_from(dir);
  ASSERT_EQ(done.code, 0) << done.err << logs();
  EXPECT_EQ(done.out, "mine running, version 2.0.0, 1 tool\n");
  EXPECT_EQ(said("which"), "bun true true\n");
  EXPECT_EQ(show()["runtime"], "bun");
  EXPECT_EQ(show()["command"], json({"bun", "/workspace/.service/src/index.ts"}));
}

TEST_F(ServiceRuntimes, ProgramsRunByThemselves) {
  auto dir = brigd.project("program");
  fs::copy_file(SOURCES_DIR "/registry/server.sh", dir / "server");
  fs::permissions(dir / "server", fs::perms::owner_read | fs::perms::others_read);
  auto refused = deploy_from(dir, {"--runtime", "binary"});
  EXPECT_NE(refused.code, 0);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("bin/server"), HasSubstr("executable")));
  fs::permissions(dir / "server", fs::perms::owner_all | fs::perms::others_read | fs::perms::others_exec);
  auto done = deploy_from(dir, {"--runtime", "binary", "--arg", "one"});
  ASSERT_EQ(done.code, 0) << done.err << logs();
  EXPECT_EQ(said("where"), "one in /workspace/.service as 1000 in /home/service with nothing and nothing\n");
  EXPECT_EQ(show()["runtime"], "binary");
  auto unknown = deploy_from(dir, {"--runtime", "perl"});
  EXPECT_THAT(unknown.err, HasSubstr("'node', 'python', 'bun', 'binary'"));
}

}  // namespace
}  // namespace brig::test
