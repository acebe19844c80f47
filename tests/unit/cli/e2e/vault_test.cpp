// Secrets on their way to the service: from where they may come, and where they are never seen.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "brig_process.hpp"
#include "fake_brigd.hpp"

namespace brig::cli::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kEntry =
    R"({"name": "API_KEY", "created": "2026-01-01T00:00:00.000Z", "replaced": "2026-01-01T00:00:00.000Z"})";

struct Said {
  std::string out, err;
  int code = 0;
};

Said vault(FakeBrigd& brigd, std::vector<std::string> words, const std::string& input = "",
           BrigOptions options = {}) {
  words.insert(words.begin(), "vault");
  BrigProcess process(brigd.host(), std::move(words), std::move(options));
  process.write(input);
  process.close_stdin();
  auto out = process.output();
  auto err = process.errors();
  return {out, err, process.wait()};
}

TEST(Vault, TakesTheValueFromStandardInput) {
  FakeBrigd brigd;
  std::vector<std::string> bodies;
  brigd.on("PUT /v1/vault/API_KEY", [&](const FakeRequest& request) {
    bodies.push_back(request.body);
    return FakeAnswer{200, kEntry};
  });
  for (const char* input : {"sk-real-1", "sk-real-1\n", "sk-real-1\r\n"}) {
    auto said = vault(brigd, {"set", "API_KEY"}, input);
    EXPECT_EQ(said.code, 0) << said.err;
    EXPECT_EQ(said.out, "API_KEY\n");
    EXPECT_THAT(said.out + said.err, Not(HasSubstr("sk-real")));
  }
  ASSERT_EQ(bodies.size(), 3u);
  for (const auto& body : bodies) EXPECT_EQ(body, R"({"value":"sk-real-1"})");
}

TEST(Vault, TakesItFromAVariableOrAFile) {
  FakeBrigd brigd;
  std::string body;
  brigd.on("PUT /v1/vault/API_KEY", [&](const FakeRequest& request) {
    body = request.body;
    return FakeAnswer{200, kEntry};
  });
  BrigOptions options;
  options.environment = {{"MY_KEY", "sk-real-2"}};
  EXPECT_EQ(vault(brigd, {"set", "API_KEY", "--from-env", "MY_KEY"}, "", options).code, 0);
  EXPECT_EQ(body, R"({"value":"sk-real-2"})");
  auto file = std::filesystem::temp_directory_path() / ("brig-vault-" + std::to_string(::getpid()));
  std::ofstream(file) << "sk-real-3\n";
  EXPECT_EQ(vault(brigd, {"set", "API_KEY", "--from-file", file.string()}).code, 0);
  EXPECT_EQ(body, R"({"value":"sk-real-3"})");
  std::filesystem::remove(file);
  EXPECT_EQ(vault(brigd, {"set", "API_KEY", "--from-file", file.string()}).code, 66);
  EXPECT_EQ(vault(brigd, {"set", "API_KEY", "--from-env", "NO_SUCH_VARIABLE"}).code, 65);
  EXPECT_EQ(vault(brigd, {"set", "API_KEY", "sk-real"}).code, 64);  // never as an argument
  EXPECT_EQ(vault(brigd, {"set", "API_KEY"}, std::string(40'000, 'x')).code, 74);
}

TEST(Vault, AsksOnATerminalWithoutShowing) {
  FakeBrigd brigd;
  std::string body;
  brigd.on("PUT /v1/vault/API_KEY", [&](const FakeRequest& request) {
    body = request.body;
    return FakeAnswer{200, kEntry};
  });
  BrigOptions options;
  options.terminal = true;
  BrigProcess process(brigd.host(), {"vault", "set", "API_KEY"}, options);
  ASSERT_TRUE(process.wait_output("API_KEY (not shown): "));
  EXPECT_EQ(process.terminal().c_lflag & ECHO, 0u);
  process.write("sk-real-4\n");
  brigd.wait_request("PUT /v1/vault/API_KEY");
  EXPECT_EQ(process.wait(), 0);
  EXPECT_NE(process.terminal().c_lflag & ECHO, 0u);
  EXPECT_THAT(process.output(), Not(HasSubstr("sk-real")));
  EXPECT_EQ(body, R"({"value":"sk-real-4"})");
}

TEST(Vault, ListsNamesAndRemoves) {
  FakeBrigd brigd;
  brigd.on("GET /v1/vault", [](const FakeRequest&) {
    return FakeAnswer{200, std::string(R"({"secrets": [)") + kEntry + "]}"};
  });
  brigd.on("DELETE /v1/vault/API_KEY", [](const FakeRequest&) { return FakeAnswer{204, ""}; });
  auto list = vault(brigd, {"ls"});
  EXPECT_EQ(list.code, 0) << list.err;
  EXPECT_THAT(list.out, AllOf(HasSubstr("KEY"), HasSubstr("API_KEY"), HasSubstr("never")));
  auto removed = vault(brigd, {"rm", "API_KEY", "--force"});
  EXPECT_EQ(removed.code, 0) << removed.err;
  EXPECT_EQ(brigd.requests().back().query, "force=1");
}

}  // namespace
}  // namespace brig::cli::test
