#include "policy/compile.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "fixture.hpp"

namespace brig::policy {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

Effective plain(std::string_view name = "default") {
  auto e = resolve({}, testing::profile(name), {});
  EXPECT_TRUE(e) << e.error().message;
  return *e;
}

json compiled(const Effective& e, const Facts& f) {
  auto r = compile(e, f);
  EXPECT_TRUE(r) << r.error().message;
  return r ? json::parse(r->body) : json();
}

TEST(Compile, HardensAlways) {
  auto body = compiled(plain(), testing::facts());
  auto host = body["HostConfig"];
  EXPECT_EQ(body["User"], "1000:1000");
  EXPECT_EQ(body["Entrypoint"], json::array({"/run/brig/init"}));
  EXPECT_EQ(body["Cmd"], json::array());
  EXPECT_EQ(body["Env"], json::array());
  EXPECT_EQ(body["Healthcheck"], json::parse(R"({"Test":["NONE"]})"));
  EXPECT_EQ(host["CapDrop"], json::array({"ALL"}));
  EXPECT_EQ(host["CapAdd"], json::array());
  EXPECT_EQ(host["Privileged"], false);
  EXPECT_EQ(host["NetworkMode"], "none");
  EXPECT_EQ(host["ReadonlyRootfs"], true);
  EXPECT_EQ(host["MemorySwap"], host["Memory"]);
  EXPECT_EQ(host["Runtime"], "runc");
  EXPECT_EQ(host["Mounts"].size(), 4u);
  EXPECT_EQ(host["Mounts"][2]["Target"], "/etc/hosts");
  EXPECT_EQ(host["Mounts"][2]["ReadOnly"], true);
  EXPECT_EQ(host["Mounts"][3]["Target"], "/etc/resolv.conf");
  EXPECT_EQ(host["Mounts"][3]["ReadOnly"], true);
  EXPECT_EQ(body["NetworkDisabled"], true);
  EXPECT_EQ(host["Mounts"][0]["ReadOnly"], true);
  EXPECT_EQ(host["Mounts"][1]["ReadOnly"], false);
  EXPECT_EQ(host["Ulimits"].size(), 2u);
  EXPECT_TRUE(host["MaskedPaths"].is_array());
}

TEST(Compile, EveryBuiltInProfileSatisfiesTheSecondReader) {
  for (const auto& p : built_in_profiles()) {
    auto e = plain(p.name);
    auto f = testing::facts();
    auto r = compile(e, f);
    ASSERT_TRUE(r) << r.error().message;
    auto violations = verify(r->body, testing::expect(e, f));
    EXPECT_TRUE(violations.empty()) << p.name << "\n" << testing::text(violations);
  }
}

TEST(Compile, NamesARuntimeTheEngineLacks) {
  auto f = testing::facts();
  f.engine_runtimes = {"runc"};
  auto r = compile(plain("gvisor"), f);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, Code::unsupported);
  EXPECT_THAT(r.error().message, HasSubstr("'runsc'"));
}

TEST(Compile, UsesTheEnginesNameForARuntime) {
  auto f = testing::facts();
  f.engine_runtimes.push_back("gvisor-1");
  f.runtime_names[Runtime::runsc] = "gvisor-1";
  EXPECT_EQ(compiled(plain("gvisor"), f)["HostConfig"]["Runtime"], "gvisor-1");
}

TEST(Compile, RefusesAnImageThatShapesContainers) {
  auto f = testing::facts();
  f.image_volumes = {"/data"};
  EXPECT_EQ(compile(plain(), f).error().code, Code::denied);
  EXPECT_THAT(compile(plain(), f).error().message, HasSubstr("'/data'"));
  f = testing::facts();
  f.image_label_keys = {"maintainer", "brig.owner"};
  EXPECT_EQ(compile(plain(), f).error().code, Code::denied);
  f = testing::facts();
  f.image = ImageId("debian:12");
  EXPECT_EQ(compile(plain(), f).error().code, Code::invalid);
}

TEST(Compile, ReadonlyProfileMountsTheWorkspaceReadOnly) {
  EXPECT_EQ(compiled(plain("strict"), testing::facts())["HostConfig"]["Mounts"][1]["ReadOnly"], true);
}

TEST(Compile, SwappinessOnlyWhereTheKernelHasIt) {
  auto f = testing::facts();
  EXPECT_TRUE(compiled(plain(), f)["HostConfig"].contains("MemorySwappiness"));
  f.engine_cgroup = 2;
  EXPECT_FALSE(compiled(plain(), f)["HostConfig"].contains("MemorySwappiness"));
}

// Where a granted path leads once symbolic links are resolved decides, not how it was spelled.
TEST(Compile, RefusesEnginesStateAndKernelBehindSymbolicLinks) {
  Ceiling ceiling;
  ceiling.grants.mount_read = {"/srv"};
  Request request;
  request.grants = {GrantMount{"/srv/link", "/mnt/x", false}};
  auto e = resolve(ceiling, testing::profile("default"), request);
  ASSERT_TRUE(e);
  for (std::string real : {"/",
                           "/run",
                           "/run/docker.sock",
                           "/var/run/docker.sock",
                           "/var",
                           "/var/lib",
                           "/var/lib/docker/volumes",
                           "/var/lib/brig",
                           "/var/lib/brig/sessions/fedcba9876543210/upper",
                           "/srv",
                           "/srv/engines",
                           "/srv/engines/one.sock",
                           "/proc",
                           "/proc/1/root",
                           "/sys/fs/cgroup",
                           "/dev",
                           "/dev/sda",
                           "/home/u/.docker/run/docker.sock",
                           "/opt/x/docker.raw.sock",
                           "/run/containerd/containerd.sock",
                           "/srv/../run/docker.sock",
                           "//run/docker.sock",
                           "/srv/./x",
                           "srv/x",
                           ""}) {
    auto f = testing::facts();
    f.real_path = {{"/srv/link", real}};
    auto r = compile(*e, f);
    EXPECT_FALSE(r) << real;
  }
  auto f = testing::facts();
  f.real_path = {{"/srv/link", "/srv/data"}};
  EXPECT_TRUE(compile(*e, f));
  f.real_path.clear();
  EXPECT_FALSE(compile(*e, f)) << "unresolved";
}

TEST(Compile, TheProjectItselfIsMountedInTheSessionsDirectoryToo) {
  Ceiling ceiling;
  ceiling.grants.project_write = true;
  Request request;
  request.grants = {GrantProjectWrite{}};
  auto e = resolve(ceiling, testing::profile("default"), request);
  ASSERT_TRUE(e);
  auto f = testing::facts();
  auto r = compile(*e, f);
  ASSERT_TRUE(r) << r.error().message;
  EXPECT_TRUE(verify(r->body, testing::expect(*e, f)).empty());
  for (std::string bad :
       {"/", "/var", "/home/u/app", "/srv/engines/one.sock", "/var/lib/brig", "/proc/self"}) {
    f.workspace_dir = bad;
    EXPECT_EQ(compile(*e, f).error().code, Code::denied) << bad;
    EXPECT_EQ(compile(plain(), f).error().code, Code::denied) << bad;
  }
}

TEST(Compile, AnotherSessionsDirectoriesAreNotItsOwn) {
  auto f = testing::facts();
  f.workspace_dir = "/var/lib/brig/sessions/fedcba9876543210/workspace";
  EXPECT_FALSE(compile(plain(), f));
  f = testing::facts();
  f.link_dir = "/var/lib/brig/sessions/fedcba9876543210/link";
  EXPECT_FALSE(compile(plain(), f));
  f = testing::facts();
  f.workspace_dir = f.link_dir;
  EXPECT_FALSE(compile(plain(), f));
}

TEST(Compile, WithoutAHostsFileTheEngineMakesTheNetwork) {
  auto f = testing::facts();
  f.hosts_file.clear();
  auto e = plain();
  auto body = compiled(e, f);
  EXPECT_EQ(body["NetworkDisabled"], false);
  EXPECT_EQ(body["HostConfig"]["NetworkMode"], "none");
  EXPECT_EQ(body["HostConfig"]["Mounts"].size(), 3u);
  auto found = verify(body.dump(), testing::expect(e, f));
  EXPECT_TRUE(found.empty()) << testing::text(found);
  for (std::string bad :
       {"/etc/hosts", "/var/lib/brig/brig.db", "/var/lib/brig/sessions/fedcba9876543210/hosts",
        "/var/lib/brig/sessions/0123456789abcdef/link/sock",
        "/var/lib/brig/sessions/0123456789abcdef/workspace/x",
        "/var/lib/brig/sessions/0123456789abcdef/../../brig.db"}) {
    f.hosts_file = bad;
    EXPECT_FALSE(compile(e, f)) << bad;
    f = testing::facts();
    f.resolv_file = bad;
    EXPECT_FALSE(compile(e, f)) << bad;
  }
}

TEST(Compile, FilesOfEtcAreReadOnlyAndAtTheirPlaceAlone) {
  auto e = plain();
  auto f = testing::facts();
  auto expected = testing::expect(e, f);
  for (std::size_t file : {2u, 3u}) {
    auto body = compiled(e, f);
    body["HostConfig"]["Mounts"][file]["ReadOnly"] = false;
    EXPECT_FALSE(verify(body.dump(), expected).empty());
    body = compiled(e, f);
    body["HostConfig"]["Mounts"][file]["Target"] = "/etc/passwd";
    EXPECT_FALSE(verify(body.dump(), expected).empty());
    body = compiled(e, f);
    std::swap(body["HostConfig"]["Mounts"][2]["Source"], body["HostConfig"]["Mounts"][3]["Source"]);
    EXPECT_FALSE(verify(body.dump(), expected).empty());
  }
}

TEST(Compile, RefusesHostNamesAndOwnersThatAreNone) {
  for (std::string name : {"", "-a", "a-", "a b", "a\nb", "a.b", "ä"}) {
    auto f = testing::facts();
    f.hostname = name;
    EXPECT_FALSE(compile(plain(), f)) << name;
  }
  for (std::string owner :
       std::vector<std::string>{"", "a\nb", std::string(200, 'x'), std::string("a\0b", 3)}) {
    auto f = testing::facts();
    f.owner = owner;
    EXPECT_FALSE(compile(plain(), f)) << owner;
  }
}

TEST(Compile, OfConfigurationThatOverlapsTheLaterWins) {
  auto f = testing::facts();
  const std::string one = "/var/lib/brig/volumes/one/data", two = "/var/lib/brig/volumes/two/data";
  auto targets = [&] {
    std::vector<std::string> out;
    auto body = compiled(plain(), f);
    for (const auto& mount : body["HostConfig"]["Mounts"])
      if (mount["Source"].get<std::string>().starts_with("/var/lib/brig/volumes"))
        out.push_back(mount["Target"].get<std::string>() + "=" +
                      mount["Source"].get<std::string>().substr(22, 3));
    return out;
  };
  f.config = {{one, "/home/agent/.a", true}, {two, "/home/agent/.a/sub", true}};
  EXPECT_EQ(targets(), (std::vector<std::string>{"/home/agent/.a=one", "/home/agent/.a/sub=two"}));
  f.config = {{two, "/home/agent/.a/sub", true}, {one, "/home/agent/.a", true}};
  EXPECT_EQ(targets(), (std::vector<std::string>{"/home/agent/.a=one"}));
  f.config = {{one, "/home/agent/.a", true}, {two, "/home/agent/.a", true}};
  EXPECT_EQ(targets(), (std::vector<std::string>{"/home/agent/.a=two"}));
  f.config = {{one, "/home/agent/.a", true}, {two, "/home/agent/.ab", true}};
  EXPECT_EQ(targets().size(), 2u);
}

TEST(Compile, TheWayToConfigurationBelongsToTheAgent) {
  auto f = testing::facts();
  f.config = {{"/var/lib/brig/volumes/v/data", "/home/agent/.config/a/b", true},
              {"/var/lib/brig/volumes/w/data", "/home/agent/.config/a/b/c/d", true}};
  auto tmpfs = compiled(plain(), f)["HostConfig"]["Tmpfs"];
  EXPECT_EQ(tmpfs.size(), 5u) << tmpfs;
  EXPECT_EQ(tmpfs["/home/agent/.config"], tmpfs["/home/agent"]);
  EXPECT_TRUE(tmpfs.contains("/home/agent/.config/a"));
}

TEST(Compile, RefusesConfigurationFromOrToWhereNoneBelongs) {
  const std::string fine = "/var/lib/brig/volumes/v/data";
  for (const std::string source :
       {"/", "/etc", "/var/lib/brig", "/var/lib/brig/volumes", "/var/lib/brig/volumes/v",
        "/var/lib/brig/volumes/v/datax", "/var/lib/brig/volumes/v/data/../../w/data",
        "/var/lib/brig/sessions/fedcba9876543210/config/0/view",
        "/var/lib/brig/sessions/0123456789abcdef/link", "/var/lib/brig/sessions/0123456789abcdef/overlays",
        "", "x"}) {
    auto f = testing::facts();
    f.config = {{source, "/home/agent/.a", true}};
    EXPECT_FALSE(compile(plain(), f)) << source;
  }
  for (const std::string target :
       {"/", "/run/brig", "/run/brig/init", "/workspace", "/workspace/x", "/etc/hosts", "/home/agent",
        "/home", "/proc/1", "relative", "/home/agent/../x", "/home/agent//x", ""}) {
    auto f = testing::facts();
    f.config = {{fine, target, true}};
    EXPECT_FALSE(compile(plain(), f)) << target;
  }
}

TEST(Compile, SkillsAreReadOnlyAndNeverInWhatIsSomebodys) {
  const std::string files = "/var/lib/brig/layers/0123456789abcdef/files";
  auto targets = [&](Facts f) {
    std::vector<std::string> out;
    auto body = compiled(plain(), f);
    for (const auto& mount : body["HostConfig"]["Mounts"]) {
      if (mount["Source"] != files) continue;
      EXPECT_EQ(mount["ReadOnly"], true);
      out.push_back(mount["Target"].get<std::string>());
    }
    return out;
  };
  auto f = testing::facts();
  f.bundles = {{files, "/opt/brig/skills/a"},
               {files, "/etc/claude-code/.claude/skills/a"},
               {files, "/home/agent/.agents/skills/a"}};
  EXPECT_EQ(targets(f).size(), 3u);
  f.config = {{"/var/lib/brig/volumes/v/data", "/home/agent/.agents", true}};
  EXPECT_EQ(targets(f),
            (std::vector<std::string>{"/opt/brig/skills/a", "/etc/claude-code/.claude/skills/a"}));
  f.config[0].target = "/opt/brig/skills/a/sub";
  EXPECT_EQ(targets(f).front(), "/etc/claude-code/.claude/skills/a");

  for (const std::string source :
       {"/var/lib/brig/layers/0123456789abcdef", "/var/lib/brig/layers/0123456789abcdef/upper",
        "/var/lib/brig/layers/0123456789abcdef/files/x", "/var/lib/brig/layers/x/files",
        "/var/lib/brig/layers", "/var/lib/brig/layers/0123456789abcdef/../0123456789abcdef/files",
        "/etc/files", "/", ""}) {
    auto bad = testing::facts();
    bad.bundles = {{source, "/opt/brig/skills/a"}};
    EXPECT_FALSE(compile(plain(), bad)) << source;
  }
  for (const std::string target :
       {"/opt/a", "/opt/skills", "/etc/skills/a", "/etc/a", "/skills/../etc/skills/a", "/usr/bin/skills/a",
        "/run/skills/a", "/workspace/skills/a", "skills/a", "/opt/skillsa/b", ""}) {
    auto bad = testing::facts();
    bad.bundles = {{files, target}};
    EXPECT_FALSE(compile(plain(), bad)) << target;
  }
}

}  // namespace
}  // namespace brig::policy
