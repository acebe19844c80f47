#include "image/provider_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace brig::image {
namespace {

using testing::HasSubstr;

const std::string kLeast = "schema = 1\ntitle = \"T\"\nbinary = \"t\"\n";

Result<Provider> parse(const std::string& text, std::string_view id = "tool") {
  return parse_provider(text, "tool/provider.toml", id, "brig");
}

std::string refusal(const std::string& text) {
  auto parsed = parse(text);
  return parsed ? "" : parsed.error().message;
}

TEST(ProviderFile, TheLeastThatIsNeeded) {
  auto provider = parse(kLeast);
  ASSERT_TRUE(provider) << provider.error().message;
  EXPECT_EQ(provider->id.str(), "tool");
  EXPECT_EQ(provider->image, "brig/tool:latest");
  EXPECT_EQ(provider->binary, "t");
  EXPECT_FALSE(provider->args_are_command);
  EXPECT_FALSE(provider->one_shot);
}

TEST(ProviderFile, EverythingThatCanBeSaid) {
  auto provider = parse(kLeast + R"(
default_args = ["-c", "x=\"y\""]
default_args_reason = "because"
command_when_empty = ["bash", "-l"]
args_are_command = true
profile = "strict"
profile_env = "TOOL_HOME"
[env]
A = "1"
[[config]]
path = "/home/agent/.tool"
read_only = false
[[config]]
path = "/home/agent/.tool.json"
[egress]
hosts = ["api.example.com", "*.example.com"]
[one_shot]
args = ["--print"]
prompt = "argument"
[mcp]
env = {MCP_AT = "{url}", MCP_FILE = "{file}"}
file = '{"url": "{url}"}'
[needs]
memory = "2G"
disk = 1000
)");
  ASSERT_TRUE(provider) << provider.error().message;
  EXPECT_EQ(provider->default_args, (std::vector<std::string>{"-c", "x=\"y\""}));
  EXPECT_EQ(provider->command_when_empty, (std::vector<std::string>{"bash", "-l"}));
  EXPECT_EQ(provider->profile, "strict");
  EXPECT_EQ(provider->profile_env, "TOOL_HOME");
  EXPECT_EQ(provider->env, (std::map<std::string, std::string>{{"A", "1"}}));
  ASSERT_EQ(provider->config.size(), 2u);
  EXPECT_FALSE(provider->config[0].read_only);
  EXPECT_TRUE(provider->config[1].read_only);
  EXPECT_EQ(provider->config[1].path, "/home/agent/.tool.json");
  EXPECT_EQ(provider->egress_hosts.size(), 2u);
  ASSERT_TRUE(provider->one_shot);
  EXPECT_FALSE(provider->one_shot->prompt_on_stdin);
  EXPECT_EQ(provider->mcp.env,
            (std::map<std::string, std::string>{{"MCP_AT", "{url}"}, {"MCP_FILE", "{file}"}}));
  EXPECT_EQ(provider->mcp.file, R"({"url": "{url}"})");
  EXPECT_EQ(provider->needs_memory, std::uint64_t{2} << 30);
  EXPECT_EQ(provider->needs_disk, 1000u);
}

TEST(ProviderFile, UnknownKeysAreRefusedWithTheNearestKnownOne) {
  EXPECT_THAT(refusal(kLeast + "titel = \"x\"\n"), HasSubstr("tool/provider.toml:4: unknown key 'titel'"));
  EXPECT_THAT(refusal(kLeast + "binry = \"x\"\n"), HasSubstr("did you mean 'binary'?"));
  EXPECT_THAT(refusal(kLeast + "privileged = true\n"), HasSubstr("unknown key 'privileged'"));
  EXPECT_THAT(refusal(kLeast + "[[config]]\npath = \"/a\"\nmode = 1\n"),
              HasSubstr("unknown key 'mode' in [config[0]]"));
}

TEST(ProviderFile, WhatIsMissingOrWrongIsNamed) {
  EXPECT_THAT(refusal("title = \"T\"\nbinary = \"t\"\n"), HasSubstr("schema is missing"));
  EXPECT_THAT(refusal("schema = 2\ntitle = \"T\"\nbinary = \"t\"\n"), HasSubstr("schema is 2"));
  EXPECT_THAT(refusal("schema = 1\nbinary = \"t\"\n"), HasSubstr("title is ''"));
  EXPECT_THAT(refusal("schema = 1\ntitle = \"a\\u001bb\"\nbinary = \"t\"\n"), HasSubstr("title is"));
  EXPECT_THAT(refusal("schema = 1\ntitle = \"T\"\n"), HasSubstr("binary is ''"));
  for (auto bad : {"/bin/sh", "../sh", "-x", "a b", ""})
    EXPECT_THAT(refusal("schema = 1\ntitle = \"T\"\nbinary = \"" + std::string(bad) + "\"\n"),
                HasSubstr("bare name"))
        << bad;
  EXPECT_THAT(refusal(kLeast + "default_args = [\"-x\"]\n"), HasSubstr("without default_args_reason"));
  EXPECT_THAT(refusal(kLeast + "command_when_empty = []\n"), HasSubstr("is empty"));
  EXPECT_THAT(refusal(kLeast + "[env]\n\"A=B\" = \"1\"\n"), HasSubstr("env has the name 'A=B'"));
  EXPECT_THAT(refusal(kLeast + "profile_env = \"1A\"\n"), HasSubstr("profile_env is '1A'"));
  EXPECT_THAT(refusal(kLeast + "[egress]\nhosts = [\"a/b\"]\n"), HasSubstr("hosts holds 'a/b'"));
  EXPECT_THAT(refusal(kLeast + "[one_shot]\nprompt = \"arg\"\n"), HasSubstr("\"stdin\" or \"argument\""));
  for (auto bad : {"home", "/", "/a/../b", "/a/", "/a//b", "", "//a", "/a/.", "/run/brig", "/run",
                   "/workspace/x", "/etc/hosts", "/home/agent", "/usr/local/bin/x", "/proc/1"})
    EXPECT_THAT(refusal(kLeast + "[[config]]\npath = \"" + std::string(bad) + "\"\n"), HasSubstr("path is"))
        << bad;
}

TEST(ProviderFile, TheCliIsToldOfItsMeshInOneWholeWay) {
  auto mcp = [](std::string_view more) { return kLeast + "[mcp]\n" + std::string(more); };
  auto told = parse_provider(mcp("args = [\"--at={url}\"]\n"), "tool/provider.toml", "tool", "brig");
  ASSERT_TRUE(told) << told.error().message;
  EXPECT_EQ(told->mcp.args, std::vector<std::string>{"--at={url}"});
  EXPECT_THAT(refusal(mcp("")), HasSubstr("leaves the CLI untold"));
  EXPECT_THAT(refusal(mcp("file = \"{url}\"\n")), HasSubstr("leaves the CLI untold"));
  EXPECT_THAT(refusal(mcp("args = [\"{file}\"]\n")), HasSubstr("file is missing"));
  EXPECT_THAT(refusal(mcp("env = {X = \"{file}\"}\n")), HasSubstr("file is missing"));
  EXPECT_THAT(refusal(mcp("args = [\"{url}\"]\nfile = \"x\"\n")), HasSubstr("neither args nor env"));
  EXPECT_THAT(refusal(mcp("env = {\"A=B\" = \"{url}\"}\n")), HasSubstr("env has the name 'A=B'"));
  EXPECT_THAT(refusal(mcp("env = {X = \"{url}\"}\narg = [\"{url}\"]\n")), HasSubstr("unknown key 'arg'"));
  EXPECT_THAT(refusal(kLeast + "args_are_command = true\n[mcp]\nargs = [\"{url}\"]\n"),
              HasSubstr("the caller's arguments are the command"));
}

TEST(ProviderFile, SkillsGoToADirectoryForThem) {
  for (auto fine : {"/home/agent/.agents/skills", "/etc/claude-code/.claude/skills", "/opt/x/skills"}) {
    auto provider = parse(kLeast + "skills = \"" + std::string(fine) + "\"\n");
    ASSERT_TRUE(provider) << provider.error().message;
    EXPECT_EQ(provider->skills, fine);
  }
  for (auto bad : {"/etc/skills", "/etc/ssl/certs", "/home/agent/.agents", "/usr/bin/skills", "/run/skills",
                   "skills", "/etc/../opt/skills", "/etc/x/skills/", ""})
    EXPECT_THAT(refusal(kLeast + "skills = \"" + std::string(bad) + "\"\n"), HasSubstr("skills is")) << bad;
}

TEST(ProviderFile, WhatDoesNotFitTogetherIsRefused) {
  auto config = [](std::string_view more) {
    return kLeast + "[[config]]\npath = \"/home/agent/.t\"\n" + std::string(more);
  };
  EXPECT_THAT(refusal(config("sharing = \"overlayed\"\n")), HasSubstr("did you mean 'overlay'?"));
  EXPECT_THAT(refusal(config("keep = [\"a\"]\n")), HasSubstr("keep is given without sharing"));
  for (auto bad : {"/a", "../a", "a//b", "", "a/../b", "."})
    EXPECT_THAT(
        refusal(config("read_only = false\nsharing = \"overlay\"\nkeep = [\"" + std::string(bad) + "\"]\n")),
        HasSubstr("keep holds"))
        << bad;
  EXPECT_THAT(refusal(config("initial = \"{}\"\n")), HasSubstr("initial is given for a directory"));
  EXPECT_THAT(refusal(config("file = true\nsharing = \"overlay\"\n")),
              HasSubstr("overlay for a single file"));
  EXPECT_THAT(refusal(kLeast + "profile_env = \"T\"\n"), HasSubstr("profile_env is given, but"));
  EXPECT_THAT(refusal(kLeast + "[[probe]]\nfile = \"a\"\n"), HasSubstr("probe is given, but"));
  EXPECT_THAT(refusal(config("[[probe]]\nfile = \"../a\"\n")), HasSubstr("file is '../a'"));
}

TEST(ProviderJson, IsReadByTheSameRules) {
  auto said = nlohmann::json::parse(R"({"title": "T", "binary": "tool", "image": "registry:5000/a/tool:1",
    "config": [{"path": "/home/agent/.tool", "read_only": false, "sharing": "overlay", "keep": ["auth.json"]},
               {"path": "/home/agent/.tool.json", "file": true, "initial": "{}"}],
    "env": {"A": "b"}, "needs": {"memory": "1G"}})");
  auto provider = parse_provider_json(said, "tool");
  ASSERT_TRUE(provider) << provider.error().message;
  EXPECT_FALSE(provider->builtin);
  EXPECT_EQ(provider->image, "registry:5000/a/tool:1");
  ASSERT_EQ(provider->config.size(), 2u);
  EXPECT_EQ(provider->config[0].keep, (std::vector<std::string>{"auth.json"}));
  EXPECT_EQ(provider->needs_memory, std::uint64_t{1} << 30);

  auto refused = [&](const char* key, nlohmann::json value) {
    auto changed = said;
    changed[key] = std::move(value);
    auto result = parse_provider_json(changed, "tool");
    return result ? std::string("it was taken") : result.error().message;
  };
  EXPECT_THAT(refused("imagine", 1), HasSubstr("did you mean 'image'?"));
  EXPECT_THAT(refused("image", "../x"), HasSubstr("image is '../x'"));
  EXPECT_THAT(refused("title", nullptr), HasSubstr("without null"));
  EXPECT_THAT(refused("binary", "/bin/tool"), HasSubstr("bare name"));
  EXPECT_THAT(refused("config", {{{"path", "/workspace"}}}), HasSubstr("/workspace"));
  EXPECT_FALSE(parse_provider_json(said, "Tool"));
  EXPECT_FALSE(parse_provider_json(nlohmann::json::array(), "tool"));
  auto bare = parse_provider_json({{"title", "no sandbox"}}, "bare");
  ASSERT_TRUE(bare) << bare.error().message;
  EXPECT_TRUE(bare->image.empty());
}

TEST(ProviderFile, AFolderMustBeNamedAsAnImageCanBe) {
  EXPECT_TRUE(parse(kLeast, "my-tool_2"));
  EXPECT_FALSE(parse(kLeast, "Tool"));
  EXPECT_FALSE(parse(kLeast, "base"));
  EXPECT_FALSE(parse(kLeast, "../x"));
  EXPECT_FALSE(parse(kLeast, ""));
}

}  // namespace
}  // namespace brig::image
