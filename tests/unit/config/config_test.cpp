#include "config/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/files.hpp"

namespace brig::config {
namespace {

using testing::HasSubstr;

std::string refusal(std::string_view text) {
  auto parsed = parse(text, "brig.toml");
  return parsed ? "" : parsed.error().message;
}

TEST(Config, AnEmptyFileIsTheDefaults) {
  auto config = parse("", "brig.toml");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->service.state_dir, "/var/lib/brig");
  EXPECT_EQ(config->service.socket, "/run/brig/brig.sock");
  EXPECT_EQ(config->service.log_level, log::Level::info);
  EXPECT_EQ(config->tcp.listen, "");
  EXPECT_EQ(config->trust.ca_bundle, "auto");
  EXPECT_EQ(config->limits.output_bytes, 16u << 20);
  EXPECT_EQ(config->images.build_deadline, std::chrono::hours(1));
  EXPECT_EQ(config->volumes.retention, std::chrono::hours(7 * 24));
  EXPECT_EQ(config->volumes.archive_rate, 256u << 20);
}

TEST(Config, WhatTheFileSaysReplacesTheDefault) {
  auto config = parse(R"(
[service]
state_dir = "/srv/brig/../brig2"
log_level = "debug"
log_format = "json"
[api.tcp]
listen = "[::1]:7543"
cert = "/c"
key = "/k"
allowed_hosts = ["ship.example"]
[images]
prefix = "brig2"
build_network = "host"
build_deadline = "5m"
[trust]
ca_bundle = "none"
sandboxes = false
[limits]
output_bytes = "32M"
)",
                      "brig.toml");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->service.state_dir, "/srv/brig2");
  EXPECT_EQ(config->service.log_level, log::Level::debug);
  EXPECT_EQ(config->service.log_format, log::Format::json);
  EXPECT_EQ(config->tcp.allowed_hosts, std::vector<std::string>{"ship.example"});
  EXPECT_EQ(config->images.prefix, "brig2");
  EXPECT_FALSE(config->trust.sandboxes);
  EXPECT_TRUE(config->trust.builds);
  EXPECT_EQ(config->limits.output_bytes, 32u << 20);
}

TEST(Config, AnUnknownKeyIsRefusedWithItsLineAndTheNearestKnownOne) {
  EXPECT_THAT(refusal("[service]\nstatedir = \"/x\"\n"),
              testing::AllOf(HasSubstr("brig.toml:2: unknown key 'statedir' in [service]"),
                             HasSubstr("'state_dir'")));
  EXPECT_THAT(refusal("\n[servise]\n"), testing::AllOf(HasSubstr("brig.toml:2: "), HasSubstr("'service'")));
  EXPECT_THAT(refusal("[api.tcpp]\n"), HasSubstr("'tcp'"));
  EXPECT_THAT(refusal("colour = 1\n"), HasSubstr("unknown key 'colour' at the top level"));
}

TEST(Config, WhatHoldsForASingleProvider) {
  auto config = parse(
      "[[provider]]\nid = \"claude\"\nprepare = \"/opt/hook\"\nprepare_deadline = \"5s\"\n"
      "[[provider]]\nid = \"codex\"\nimage = \"registry:5000/codex:1\"\n",
      "brig.toml");
  ASSERT_TRUE(config) << config.error().message;
  ASSERT_EQ(config->providers.size(), 2u);
  EXPECT_EQ(config->providers[0].prepare, "/opt/hook");
  EXPECT_EQ(config->providers[0].prepare_deadline, Millis{5000});
  EXPECT_EQ(config->providers[1].image, "registry:5000/codex:1");
  EXPECT_THAT(refusal("[[provider]]\nid = \"a\"\nprepare = \"hook\"\n"), HasSubstr("absolute path"));
  EXPECT_THAT(refusal("[[provider]]\nid = \"../a\"\n"), HasSubstr("id is '../a'"));
  EXPECT_THAT(refusal("[[provider]]\nid = \"a\"\n[[provider]]\nid = \"a\"\n"), HasSubstr("earlier"));
  EXPECT_THAT(refusal("[[provider]]\nid = \"a\"\nhook = \"/x\"\n"), HasSubstr("unknown key 'hook'"));
}

TEST(Config, AWrongValueNamesKeyValueAndRemedy) {
  EXPECT_THAT(refusal("[service]\nstate_dir = \"var\"\n"),
              HasSubstr("brig.toml:2: service.state_dir is 'var'; write an absolute path"));
  EXPECT_THAT(refusal("[service]\nstate_dir = 7\n"), HasSubstr("service.state_dir is a number; write text"));
  EXPECT_THAT(
      refusal("[service]\nlog_level = \"debg\"\n"),
      HasSubstr(
          "service.log_level is 'debg'; write one of debug, info, warn, error (did you mean 'debug'?)"));
  EXPECT_THAT(refusal("[limits]\nmax_sessions = 0\n"),
              HasSubstr("limits.max_sessions is 0; write a whole number from 1 to 100000"));
  EXPECT_THAT(refusal("[limits]\nmax_sessions = -1\n"), HasSubstr("limits.max_sessions is -1"));
  EXPECT_THAT(refusal("[limits]\nmax_sessions = 1.5\n"), HasSubstr("whole number"));
  EXPECT_THAT(refusal("[limits]\noutput_bytes = \"1 B\"\n"),
              HasSubstr("write a size from 1.0 MiB to 1.0 TiB"));
  EXPECT_THAT(refusal("[images]\nbuild_deadline = \"soon\"\n"), HasSubstr("write a time from 1m 0s to"));
  EXPECT_THAT(refusal("[images]\nprefix = \"Brig/x\"\n"), HasSubstr("lower-case"));
  EXPECT_THAT(refusal("[trust]\nca_bundle = \"ca.pem\"\n"),
              HasSubstr("\"auto\", \"none\" or an absolute path"));
  EXPECT_THAT(refusal("service = 1\n"), HasSubstr("it is a table, written as [service]"));
  EXPECT_THAT(refusal("[service]\nsocket = \"/" + std::string(120, 'x') + "\"\n"), HasSubstr("107"));
  EXPECT_THAT(refusal("[service]\ngroup = \"a\\u0000b\"\n"), HasSubstr("NUL"));
}

TEST(Config, TheTcpListenersCertificateNeedsItsKeyAndAPlace) {
  EXPECT_EQ(refusal("[api.tcp]\nlisten = \"127.0.0.1:1\"\n"), "");
  EXPECT_THAT(refusal("[api.tcp]\nlisten = \"127.0.0.1:1\"\ncert = \"/c\"\n"),
              HasSubstr("cert is set without key"));
  EXPECT_THAT(refusal("[api.tcp]\nlisten = \"127.0.0.1:1\"\nkey = \"/c\"\n"),
              HasSubstr("key is set without cert"));
  EXPECT_THAT(refusal("[api.tcp]\ncert = \"/c\"\nkey = \"/k\"\n"), HasSubstr("listen is missing"));
  for (auto bad : {"127.0.0.1", "127.0.0.1:", ":1", "::1:80", "a:0", "a:65536", "a:8x"})
    EXPECT_THAT(refusal("[api.tcp]\nlisten = \"" + std::string(bad) + "\"\n"),
                HasSubstr("write address and port"))
        << bad;
}

TEST(Config, WhatIsNotTomlOrTextIsRefusedWithItsLine) {
  EXPECT_THAT(refusal("[service\n"), HasSubstr("brig.toml:1: "));
  EXPECT_THAT(refusal("\xff"), HasSubstr("UTF-8"));
  EXPECT_THAT(refusal(std::string(300 * 1024, '#')), HasSubstr("larger than"));
}

TEST(Config, AMissingFileIsTheDefaultsOnlyIfItMayBeMissing) {
  EXPECT_TRUE(load("/nonexistent/brig.toml", true));
  EXPECT_FALSE(load("/nonexistent/brig.toml", false));
}

TEST(Config, TheExampleInTheRepositoryIsWhatTheTableSays) {
  auto committed = read_file(BRIG_SOURCE_DIR "/deploy/brig.toml.example", 1 << 20);
  ASSERT_TRUE(committed) << committed.error().message;
  EXPECT_EQ(*committed, example())
      << "write the output of `brigd --print-default-config` to deploy/brig.toml.example";
}

TEST(Config, TheExampleWithItsCommentsRemovedIsAccepted) {
  std::string text;
  for (std::string line, all = example(); !all.empty();) {
    auto end = all.find('\n');
    line = all.substr(0, end);
    all.erase(0, end + 1);
    // "# key = value", not a sentence.
    auto equals = line.find(" = ");
    if (line.starts_with("# ") && equals != std::string::npos && equals == line.find(' ', 2))
      line.erase(0, 2);
    text += line + "\n";
  }
  auto config = parse(text, "example");
  EXPECT_TRUE(config) << config.error().message;
}

TEST(Config, RegistriesOfMeshes) {
  auto config = parse(R"(
[mesh]
registries = ["docker.io", "registry.example.com:5000"]
meshes = [{ mesh = "north", registries = [] }, { mesh = "south", services = 3 }]
)",
                      "brig.toml");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->meshes.standard.registries.size(), 2u);
  EXPECT_TRUE(config->meshes.named.at("north").registries.empty());
  EXPECT_EQ(config->meshes.named.at("south").registries.size(), 2u);
  for (const char* odd : {"team", "", "registry.example.com/team", "https://registry.example.com",
                          "-x.example", "*.example.com"})
    EXPECT_THAT(refusal("[mesh]\nregistries = [\"" + std::string(odd) + "\"]\n"), HasSubstr("registries"))
        << odd;
}

TEST(Config, RulesThatPruneByThemselves) {
  auto config = parse(R"(
[[prune]]
name = "stale"
[[prune]]
name = "caches"
every = "12h"
notice = "30m"
dry_run = true
unused_for = "90d"
keep_last = 2
larger = "1 GiB"
orphan = true
mesh = "north"
provider = "claude"
identity = "Work"
kind = "config"
owner = "uid:1000"
)",
                      "brig.toml");
  ASSERT_TRUE(config) << config.error().message;
  ASSERT_EQ(config->prunes.size(), 2u);
  const auto& plain = config->prunes[0];
  EXPECT_EQ(plain.every, std::chrono::hours(24));
  EXPECT_EQ(plain.notice, std::chrono::hours(24));
  EXPECT_EQ(plain.unused_for, std::chrono::hours(24 * 30));
  EXPECT_FALSE(plain.dry_run);
  const auto& rule = config->prunes[1];
  EXPECT_EQ(rule.every, std::chrono::hours(12));
  EXPECT_EQ(rule.notice, std::chrono::minutes(30));
  EXPECT_TRUE(rule.dry_run && rule.orphan);
  EXPECT_EQ(rule.keep_last, 2u);
  EXPECT_EQ(rule.larger, 1u << 30);
  EXPECT_EQ(rule.mesh + rule.provider + rule.identity + rule.kind + rule.owner,
            "northclaudeWorkconfiguid:1000");
  // A short period has a short notice.
  EXPECT_EQ(parse("[[prune]]\nname = \"x\"\nevery = \"1h\"\n", "f")->prunes[0].notice, std::chrono::hours(1));

  EXPECT_THAT(refusal("[[prune]]\nevery = \"1d\"\n"), HasSubstr("call the rule something"));
  EXPECT_THAT(refusal("[[prune]]\nname = \"a\"\n[[prune]]\nname = \"a\"\n"), HasSubstr("as in an earlier"));
  EXPECT_THAT(refusal("[[prune]]\nname = \"a\"\nevery = \"1h\"\nnotice = \"2h\"\n"),
              HasSubstr("longer than every"));
  EXPECT_THAT(refusal("[[prune]]\nname = \"a\"\nevery = \"soon\"\n"), HasSubstr("every"));
  EXPECT_THAT(refusal("[[prune]]\nname = \"a\"\nkind = \"home\"\n"), HasSubstr("shared or config"));
  EXPECT_THAT(refusal("[[prune]]\nname = \"a\"\nunused = \"1d\"\n"), HasSubstr("unused"));
}

}  // namespace
}  // namespace brig::config
