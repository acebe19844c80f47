// Volumes, providers and files for a session, against a fake brigd.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "brig_process.hpp"
#include "fake_brigd.hpp"

namespace brig::cli::test {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

Said brig(const FakeBrigd& brigd, std::vector<std::string> words, const std::string& input = {}) {
  return test::brig(brigd.host(), std::move(words), {}, input);
}

std::string file_with(const FakeBrigd& brigd, const std::string& name, const std::string& text) {
  auto path = brigd.directory() + "/" + name;
  std::ofstream(path) << text;
  return path;
}

TEST(Mounts, GoWithTheRequest) {
  FakeBrigd brigd;
  auto file = file_with(brigd, "a:b.json", std::string("{}\n\xff", 4));
  ::chmod(file.c_str(), 0640);
  brigd.on("POST /v1/sessions", [](const FakeRequest&) { return problem(403, "denied", "enough"); });
  brig(brigd, {"run", "shell", "--empty", "-v", "cache:/opt/c", "--volume", "keys:/opt/k:ro", "--overlay",
               file + ":/opt/x", "--overlay", file + ":/opt/y:rw", "--", "true"});
  auto asked = json::parse(brigd.wait_request("POST /v1/sessions").body);
  EXPECT_EQ(asked["volumes"], json({{{"volume", "cache"}, {"path", "/opt/c"}, {"read_only", false}},
                                    {{"volume", "keys"}, {"path", "/opt/k"}, {"read_only", true}}}));
  EXPECT_EQ(
      asked["overlays"][0],
      json({{"path", "/opt/x"}, {"content_base64", "e30K/w=="}, {"mode", "0640"}, {"read_only", true}}));
  EXPECT_EQ(asked["overlays"][1]["read_only"], false);
  for (auto words : {std::vector<std::string>{"--volume", "cache"},
                     {"--overlay", "x"},
                     {"--overlay", ".:/opt/x"},
                     {"--overlay", "/no/such/file:/opt/x"},
                     {"--volume", ":/x"}}) {
    words.insert(words.begin(), {"run", "shell", "--empty"});
    auto said = brig(brigd, words);
    EXPECT_NE(said.code, 0);
    EXPECT_THAT(said.err, HasSubstr(words[3])) << "names the option";
  }
}

TEST(Mounts, AClonedWorkspaceExcludesOthers) {
  FakeBrigd brigd;
  brigd.on("POST /v1/sessions", [](const FakeRequest&) { return problem(403, "denied", "enough"); });
  brig(brigd, {"run", "shell", "--git", "https://git.example/app", "--ref", "main", "--", "true"});
  auto asked = json::parse(brigd.wait_request("POST /v1/sessions").body);
  EXPECT_EQ(asked["git"], json({{"url", "https://git.example/app"}, {"ref", "main"}}));
  EXPECT_FALSE(asked.contains("project"));
  EXPECT_EQ(brig(brigd, {"run", "shell", "--git", "https://git.example/app", "--empty"}).code, 65);
  EXPECT_EQ(brig(brigd, {"run", "shell", "--ref", "main"}).code, 65);
}

TEST(Volume, IsListedShownMadeAndRemoved) {
  FakeBrigd brigd;
  json shared = {{"name", "ca\x1b[2Jche"},
                 {"kind", "shared"},
                 {"engine_name", "brig-shared-0-cache"},
                 {"owner", "uid:0"},
                 {"created", "2026-01-01T00:00:00.000Z"},
                 {"sessions", {"fix"}},
                 {"size_limit", 1 << 30},
                 {"size", 1 << 20}};
  json config = shared;
  config["name"] = config["engine_name"] = "brig-claude-1-1";
  config["kind"] = "config";
  brigd.on("GET /v1/volumes", [&](const FakeRequest&) {
    return FakeAnswer{200, json{{"volumes", {shared, config}}}.dump()};
  });
  brigd.on("GET /v1/volumes/cache", [&](const FakeRequest&) { return FakeAnswer{200, shared.dump()}; });
  brigd.on("POST /v1/volumes", [&](const FakeRequest&) { return FakeAnswer{201, shared.dump()}; });
  brigd.on("DELETE /v1/volumes/cache", [](const FakeRequest&) { return FakeAnswer{204, ""}; });
  auto table = brig(brigd, {"volume", "ls"});
  EXPECT_EQ(table.code, 0) << table.err;
  EXPECT_THAT(table.out, AllOf(HasSubstr("1.0 MiB of 1.0 GiB"), HasSubstr("fix"), Not(HasSubstr("claude")),
                               Not(HasSubstr("\x1b"))));
  EXPECT_THAT(brig(brigd, {"volume", "ls", "--all"}).out, HasSubstr("claude"));
  EXPECT_EQ(json::parse(brig(brigd, {"volume", "ls", "-a", "--json"}).out).size(), 2u);
  EXPECT_THAT(brig(brigd, {"volume", "show", "cache"}).out, HasSubstr("brig-shared-0-cache"));
  EXPECT_EQ(brig(brigd, {"volume", "create", "cache", "--size", "10G"}).code, 0);
  EXPECT_EQ(json::parse(brigd.wait_request("POST /v1/volumes").body),
            json({{"name", "cache"}, {"size", "10G"}}));
  EXPECT_EQ(brig(brigd, {"volume", "rm", "cache"}).out, "cache\n");
  EXPECT_EQ(brig(brigd, {"__complete", "volume"}).out.find('\x1b'), std::string::npos);
}

TEST(Provider, IsDeclaredFromJson) {
  FakeBrigd brigd;
  json stored = {
      {"id", "plugin"}, {"title", "P"}, {"binary", "p"}, {"builtin", false}, {"default_args", {"-x"}}};
  for (const char* id : {"plugin", "other"})
    brigd.on("PUT /v1/providers/" + std::string(id), [&](const FakeRequest&) {
      return FakeAnswer{200, stored.dump()};
    });
  brigd.on("GET /v1/providers/plugin", [&](const FakeRequest&) { return FakeAnswer{200, stored.dump()}; });
  auto file = file_with(brigd, "plugin.json", R"({"title": "P", "binary": "p"})");
  EXPECT_EQ(brig(brigd, {"provider", "add", file}).out, "plugin\n");
  EXPECT_EQ(json::parse(brigd.wait_request("PUT /v1/providers/plugin").body),
            json({{"title", "P"}, {"binary", "p"}}));
  EXPECT_EQ(brig(brigd, {"provider", "add", "-"}, R"({"id": "other", "title": "P"})").code, 0);
  EXPECT_EQ(json::parse(brigd.wait_request("PUT /v1/providers/other").body), json({{"title", "P"}}));
  EXPECT_THAT(brig(brigd, {"provider", "show", "plugin"}).out, HasSubstr("cannot be run in a sandbox"));
  auto bad = file_with(brigd, "bad.json", "title = \"P\"");
  auto said = brig(brigd, {"provider", "add", bad});
  EXPECT_EQ(said.code, 65);
  EXPECT_THAT(said.err, HasSubstr("no JSON object"));
}

}  // namespace
}  // namespace brig::cli::test
