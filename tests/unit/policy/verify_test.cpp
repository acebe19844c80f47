#include "policy/verify.hpp"

#include <gtest/gtest.h>

#include "fixture.hpp"
#include "mutations.hpp"

namespace brig::policy {
namespace {

using nlohmann::json;

class Verify : public ::testing::Test {
 protected:
  Verify() {
    auto e = resolve({}, testing::profile("default"), {});
    facts_ = testing::facts();
    expected_ = testing::expect(*e, facts_);
    body_ = compile(*e, facts_)->body;
  }
  std::vector<Violation> read(const json& body) { return verify(body.dump(), expected_); }

  Facts facts_;
  Expectations expected_;
  std::string body_;
};

TEST_F(Verify, FindsNothingInWhatTheCompilerMakes) {
  EXPECT_TRUE(verify(body_, expected_).empty()) << testing::text(verify(body_, expected_));
}

// The second reader is worth something only if it sees each single dangerous step.
TEST_F(Verify, FindsEveryMutation) {
  auto all = testing::mutations();
  EXPECT_GT(all.size(), 250u);
  for (const auto& mutation : all) {
    auto body = json::parse(body_);
    mutation.apply(body);
    EXPECT_FALSE(read(body).empty()) << mutation.name;
  }
}

TEST_F(Verify, NeedsAnExpectation) {
  EXPECT_FALSE(verify(body_, {}).empty());
  auto other = expected_;
  other.runtime.clear();
  EXPECT_FALSE(verify(body_, other).empty());
  other = expected_;
  other.labels.clear();
  EXPECT_FALSE(verify(body_, other).empty());
  other = expected_;
  other.mounts.pop_back();
  EXPECT_FALSE(verify(body_, other).empty());
}

// The engine's parser merges what is said twice; ours would have read the last only.
TEST_F(Verify, RefusesTextThatTwoParsersReadDifferently) {
  auto twice = body_;
  twice.insert(1, R"("HostConfig":{"Binds":["/:/host"]},)");
  EXPECT_FALSE(verify(twice, expected_).empty());
  auto inner = body_;
  inner.insert(inner.find(R"("HostConfig":{)") + 14, R"("Privileged":true,)");
  EXPECT_FALSE(verify(inner, expected_).empty());
  EXPECT_FALSE(verify(body_ + "{}", expected_).empty());
  EXPECT_FALSE(verify("", expected_).empty());
  EXPECT_FALSE(verify("[]", expected_).empty());
  EXPECT_FALSE(verify("{}", expected_).empty());
  EXPECT_FALSE(verify(std::string(100'000, '['), expected_).empty());
}

// Even an expectation that was fooled does not get the engine's socket or the host's root mounted.
TEST_F(Verify, JudgesExpectedMountsToo) {
  for (std::string source :
       {"/", "/run/docker.sock", "/var/run/docker.sock", "/srv/engines/one.sock", "/srv/engines",
        "/var/lib/brig/brig.db", "/var/lib/brig/sessions/fedcba9876543210/upper", "/proc/1/root",
        "/home/u/podman.sock", "/srv/a/../../run"}) {
    auto expected = expected_;
    expected.mounts.push_back({source, "/mnt/x", false});
    auto body = json::parse(body_);
    auto mount = body["HostConfig"]["Mounts"][0];
    mount["Source"] = source;
    mount["Target"] = "/mnt/x";
    mount["ReadOnly"] = false;
    body["HostConfig"]["Mounts"].push_back(mount);
    EXPECT_FALSE(verify(body.dump(), expected).empty()) << source;
  }
  auto expected = expected_;
  expected.workspace_dir = "/run";
  expected.mounts[1].source = "/run";
  auto body = json::parse(body_);
  body["HostConfig"]["Mounts"][1]["Source"] = "/run";
  EXPECT_FALSE(verify(body.dump(), expected).empty());
  for (std::string place :
       {"/var/lib/brig", "/var/lib/brig/sessions", "/var/lib/brig/sessions/0123456789abcdef"}) {
    expected = expected_;
    expected.workspace_dir = place;
    expected.mounts[1].source = place;
    body = json::parse(body_);
    body["HostConfig"]["Mounts"][1]["Source"] = place;
    EXPECT_FALSE(verify(body.dump(), expected).empty()) << place;
  }
}

TEST_F(Verify, GrantedMountsAndCallsAreFine) {
  Ceiling c;
  c.grants.ptrace = true;
  c.grants.syscalls = {"mbind"};
  c.grants.mount_read = {"/srv/data"};
  Request r;
  r.grants = {GrantPtrace{}, GrantSyscalls{{"mbind"}}, GrantMount{"/srv/data", "/mnt/data", false}};
  auto e = resolve(c, testing::profile("default"), r);
  ASSERT_TRUE(e);
  facts_.real_path = {{"/srv/data", "/srv/data"}};
  auto body = compile(*e, facts_);
  ASSERT_TRUE(body) << body.error().message;
  auto found = verify(body->body, testing::expect(*e, facts_));
  EXPECT_TRUE(found.empty()) << testing::text(found);
  EXPECT_FALSE(verify(body->body, expected_).empty()) << "not expected, so not fine";
}

TEST_F(Verify, ConfigurationIsFineOnlyWhereItIsExpectedAndOurs) {
  auto e = resolve({}, testing::profile("default"), {});
  const std::string volumes = "/var/lib/brig/volumes/brig-a-1-1/data";
  const std::string session = "/var/lib/brig/sessions/0123456789abcdef";
  facts_.config = {{volumes, "/home/agent/.config/a", true},
                   {volumes + "/x.json", "/home/agent/.a.json", true},
                   {session + "/config/2/view", "/home/agent/.b", true},
                   {session + "/overlays/0", "/home/agent/.config/a/settings.json", false}};
  auto body = compile(*e, facts_);
  ASSERT_TRUE(body) << body.error().message;
  auto expected = testing::expect(*e, facts_);
  auto found = verify(body->body, expected);
  EXPECT_TRUE(found.empty()) << testing::text(found);
  EXPECT_FALSE(verify(body->body, expected_).empty()) << "not expected, so not fine";
  for (const char* source :
       {"/var/lib/brig/volumes", "/var/lib/brig/volumes/x", "/var/lib/brig/volumes/x/other",
        "/var/lib/brig/brig.db", "/var/lib/brig/sessions/fedcba9876543210/overlays/0",
        "/var/lib/brig/sessions/0123456789abcdef/link/sock", "/var/lib/brig/sessions/0123456789abcdef/upper",
        "/var/lib/brig/tls"}) {
    auto fooled = expected;
    fooled.mounts.back().source = source;
    fooled.config.back() = source;
    auto json_body = json::parse(body->body);
    for (auto& mount : json_body["HostConfig"]["Mounts"])
      if (mount["Source"] == session + "/overlays/0") mount["Source"] = source;
    EXPECT_FALSE(verify(json_body.dump(), fooled).empty()) << source;
  }
  // A tmpfs is for the way to a mount, and nowhere else.
  for (const char* place :
       {"/home/agent/.other", "/home/agent/.config/a/b", "/home/agent/.b", "/opt", "/workspace/x"}) {
    auto json_body = json::parse(body->body);
    json_body["HostConfig"]["Tmpfs"][place] = json_body["HostConfig"]["Tmpfs"]["/home/agent"];
    EXPECT_FALSE(verify(json_body.dump(), expected).empty()) << place;
  }
}

TEST_F(Verify, SkillsAreFineOnlyReadOnlyInADirectoryForThem) {
  auto e = resolve({}, testing::profile("default"), {});
  const std::string files = "/var/lib/brig/layers/0123456789abcdef/files";
  facts_.bundles = {{files, "/etc/claude-code/.claude/skills/a"}};
  auto body = compile(*e, facts_);
  ASSERT_TRUE(body) << body.error().message;
  auto expected = testing::expect(*e, facts_);
  auto found = verify(body->body, expected);
  EXPECT_TRUE(found.empty()) << testing::text(found);
  EXPECT_FALSE(verify(body->body, expected_).empty()) << "not expected, so not fine";
  auto violates = [&](const char* key, const json& value) {
    auto fooled = expected;
    auto& mount = fooled.mounts.back();
    if (std::string(key) == "Source") fooled.skills.back() = mount.source = value.get<std::string>();
    if (std::string(key) == "Target") mount.target = value.get<std::string>();
    if (std::string(key) == "ReadOnly") mount.writable = !value.get<bool>();
    auto json_body = json::parse(body->body);
    for (auto& one : json_body["HostConfig"]["Mounts"])
      if (one["Source"] == files) one[key] = value;
    return !verify(json_body.dump(), fooled).empty();
  };
  EXPECT_FALSE(violates("Target", "/etc/other/skills/b"));
  EXPECT_TRUE(violates("ReadOnly", false));
  for (const char* target :
       {"/etc/skills/a", "/etc/claude-code/a", "/run/skills/a", "/usr/bin/skills/a", "/opt/a"})
    EXPECT_TRUE(violates("Target", target)) << target;
  for (const char* source :
       {"/var/lib/brig/layers/0123456789abcdef/upper", "/var/lib/brig/layers/0123456789abcdef/files/x",
        "/var/lib/brig/layers/x/files", "/var/lib/brig/brig.db"})
    EXPECT_TRUE(violates("Source", source)) << source;
}

}  // namespace
}  // namespace brig::policy
