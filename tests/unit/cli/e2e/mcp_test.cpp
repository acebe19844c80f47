// brig mcp: what goes to the gateway of what a client says, and back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "brig_process.hpp"
#include "fake_brigd.hpp"

namespace brig::cli::test {
namespace {

using testing::HasSubstr;

// A client of tomorrow asks for a version that nobody here knows, and is answered with one that is.
TEST(McpBridge, SpeaksTheVersionThatWasAgreedOn) {
  FakeBrigd brigd;
  brigd.on("POST /v1/meshes/acme/mcp", [](const FakeRequest& request) {
    if (request.body.find("\"initialize\"") != std::string::npos)
      return FakeAnswer{200, R"({"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25"}})",
                        "application/json", false, "Mcp-Session-Id: one\r\n"};
    return FakeAnswer{200, R"({"jsonrpc":"2.0","id":2,"result":{"tools":[]}})"};
  });
  BrigProcess process(brigd.host(), {"mcp", "acme"});
  process.write(R"({"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2031-01-01"}})"
                "\n");
  EXPECT_TRUE(process.wait_output("2025-11-25"));
  process.write(R"({"jsonrpc":"2.0","id":2,"method":"tools/list"})"
                "\n");
  EXPECT_TRUE(process.wait_output("\"tools\":[]"));
  process.close_stdin();
  EXPECT_EQ(process.wait(), 0);
  bool listed = false;
  for (const auto& request : brigd.requests()) {
    if (request.body.find("tools/list") == std::string::npos) continue;
    listed = true;
    EXPECT_THAT(request.head, HasSubstr("MCP-Protocol-Version: 2025-11-25\r\n"));
    EXPECT_THAT(request.head, HasSubstr("Mcp-Session-Id: one\r\n"));
  }
  EXPECT_TRUE(listed);
}

}  // namespace
}  // namespace brig::cli::test
