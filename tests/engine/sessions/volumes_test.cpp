// Volumes that owners share among their sandboxes, and the bound of every volume, on a real engine.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "brigd.hpp"
#include "core/files.hpp"
#include "core/text.hpp"
#include "core/unique_fd.hpp"

namespace brig::test {
namespace {

using harness::Engine;
using nlohmann::json;
using testing::HasSubstr;

class Volumes : public testing::Test {
 protected:
  Volumes() : brigd("[volumes]\nsize = \"32 MiB\"\nmax_size = \"128 MiB\"\nper_owner = 3\n") {}
  ~Volumes() override { brigd.remove_volumes(); }
  json list(std::vector<std::string> options = {}) {
    options.insert(options.begin(), {"volume", "ls", "--json"});
    auto done = brigd.brig(options);
    auto value = json::parse(done.out, nullptr, false);
    return value.is_array() ? value : json::array();
  }
  json show(const std::string& name) {
    auto done = brigd.brig({"volume", "show", name, "--json"});
    EXPECT_EQ(done.code, 0) << done.err;
    return json::parse(done.out, nullptr, false);
  }
  harness::Finished sh(const std::string& script, std::vector<std::string> options,
                       const std::string& provider = "box") {
    options.insert(options.begin(), {"run", provider, "--rm", "--empty"});
    options.insert(options.end(), {"--", "sh", "-c", script});
    return brigd.brig(options);
  }
  bool mounted(const std::string& engine_name) {
    auto mounts = read_file("/proc/self/mountinfo", 16 << 20);
    return mounts && mounts->find("/volumes/" + engine_name + "/data ") != std::string::npos;
  }

  Brigd brigd;
};

TEST_F(Volumes, AreSharedAndOutliveSandboxes) {
  auto made = brigd.brig({"volume", "create", "cache"});
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_EQ(made.out, "cache\n");
  EXPECT_EQ(sh("echo one > /cache/a; stat -c %u:%a /cache", {"-v", "cache:/cache"}).out, "1000:700\n");
  auto read = sh("cat /cache/a; touch /cache/b 2>&1", {"--volume", "cache:/cache:ro"});
  EXPECT_THAT(read.out, HasSubstr("one\n"));
  EXPECT_THAT(read.out, HasSubstr("Read-only"));
  auto volume = show("cache");
  auto name = volume["engine_name"].get<std::string>();
  EXPECT_EQ(volume["size_limit"], 32u << 20);
  EXPECT_TRUE(volume.contains("last_used") && volume.contains("size"));

  // The plain client lists it, and its prune takes the name alone.
  auto one = json::parse(*Engine::shared().request("GET", "/volumes/" + name));
  EXPECT_EQ(one["Labels"]["brig.name"], "cache");
  EXPECT_EQ(one["Labels"]["brig.kind"], "shared");
  EXPECT_EQ(one["Labels"]["brig.owner"], "uid:0");
  ASSERT_TRUE(Engine::shared().request("DELETE", "/volumes/" + name));
  EXPECT_EQ(sh("cat /cache/a", {"-v", "cache:/cache"}).out, "one\n");
  EXPECT_TRUE(Engine::shared().request("GET", "/volumes/" + name));

  // Two at a time see the same; while one has it, it stays.
  ASSERT_EQ(brigd
                .brig({"run", "box", "-d", "--empty", "--disk", "64M", "-n", "user", "-v", "cache:/opt/c",
                       "--", "sleep", "1000"})
                .code,
            0);
  EXPECT_EQ(sh("echo two > /cache/a", {"-v", "cache:/cache"}).code, 0);
  EXPECT_EQ(brigd.brig({"exec", "user", "--", "cat", "/opt/c/a"}).out, "two\n");
  eventually([&] { return show("cache")["sessions"] == json({"user"}); }, "one session has it");
  auto used = brigd.brig({"volume", "rm", "cache"});
  EXPECT_NE(used.code, 0);
  EXPECT_THAT(used.err, HasSubstr("'user'"));
  EXPECT_THAT(brigd.brig({"show", "user"}).out, HasSubstr("cache at /opt/c"));
  // A fork has it too.
  auto fork = brigd.brig({"fork", "user", "--name", "second"});
  EXPECT_EQ(fork.code, 0) << fork.err;
  EXPECT_EQ(brigd.brig({"exec", "second", "--", "cat", "/opt/c/a"}).out, "two\n");
  brigd.brig({"rm", "-f", "second"});
  EXPECT_EQ(brigd.brig({"rm", "-f", "user"}).code, 0);
  EXPECT_EQ(brigd.brig({"volume", "rm", "--no-quarantine", "cache"}).code, 0);
  EXPECT_FALSE(Engine::shared().request("GET", "/volumes/" + name));
  EXPECT_FALSE(std::filesystem::exists(brigd.state() / "volumes" / name));
  EXPECT_FALSE(mounted(name));
  EXPECT_TRUE(list().empty());
  brigd.expect_nothing_left();
}

TEST_F(Volumes, HoldNoMoreThanTheirBound) {
  ASSERT_EQ(brigd.brig({"volume", "create", "small", "--size", "16M"}).code, 0);
  ASSERT_EQ(brigd.brig({"volume", "create", "other"}).code, 0);
  auto full = sh("dd if=/dev/zero of=/s/x bs=1M count=64 2>&1; echo room > /o/x; cat /o/x",
                 {"-v", "small:/s", "-v", "other:/o"});
  EXPECT_THAT(full.out, HasSubstr("No space left on device"));
  EXPECT_THAT(full.out, HasSubstr("room\n"));
  EXPECT_GT(show("small")["size"].get<std::uint64_t>(), std::uint64_t{8} << 20);
  EXPECT_LE(show("small")["size"].get<std::uint64_t>(), std::uint64_t{16} << 20);
  // What is deleted is there again; and configuration is bounded likewise.
  EXPECT_EQ(sh("rm /s/x; head -c 4000000 /dev/zero > /s/y && echo fits", {"-v", "small:/s"}).out, "fits\n");
  auto config = sh("dd if=/dev/zero of=$KIT_DIR/x bs=1M count=64 2>&1; echo '{}' > ~/.kit.json && echo kept",
                   {}, "kit");
  EXPECT_THAT(config.out, HasSubstr("No space left on device"));
  EXPECT_THAT(config.out, HasSubstr("kept\n"));
  EXPECT_EQ(list().size(), 5u);
  EXPECT_EQ(list({"--kind", "shared"}).size(), 2u);
}

TEST_F(Volumes, AreSeenByWhatIsAskedFor) {
  for (const char* name : {"big", "small"}) ASSERT_EQ(brigd.brig({"volume", "create", name}).code, 0);
  ASSERT_EQ(sh("head -c 8000000 /dev/urandom > /b/x", {"-v", "big:/b", "-n", "first"}).code, 0);
  ASSERT_EQ(sh("true", {}, "kit").code, 0);
  eventually([&] { return show("big")["sessions"].empty(); }, "nobody has it any more");
  auto names = [&](std::vector<std::string> options) {
    std::string out;
    for (const auto& volume : list(options)) out += volume["name"].get<std::string>() + " ";
    return out;
  };
  EXPECT_EQ(names({"--larger", "4M"}), "big ");
  EXPECT_EQ(names({"--kind", "shared", "--sort", "size"}), "big small ");
  EXPECT_EQ(names({"--kind", "shared", "--sort", "used"}), "small big ");
  EXPECT_EQ(names({"--unused-for", "30d"}), "");
  EXPECT_EQ(list({"--provider", "kit", "--identity", "Default"}).size(), 3u);
  EXPECT_EQ(names({"--orphan"}), "");
  EXPECT_EQ(names({"--mesh", "north"}), "");
  auto uses = show("big")["uses"];
  ASSERT_EQ(uses.size(), 1u);
  EXPECT_EQ(uses[0]["name"], "first");
  // On the host is what was written back.
  auto data = brigd.state() / "volumes" / show("big")["engine_name"].get<std::string>() / "data";
  UniqueFd inside(::open(data.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ASSERT_EQ(::syncfs(inside.get()), 0);
  inside.reset();
  EXPECT_GT(show("big")["size_on_host"].get<std::uint64_t>(), std::uint64_t{8'000'000});
  for (const char* bad : {"--unused-for=soon", "--larger=much", "--kind=big", "--sort=age"})
    EXPECT_NE(brigd.brig({"volume", "ls", bad}).code, 0) << bad;
  EXPECT_THAT(brigd.brig({"volume", "du"}).out, HasSubstr("(shared)"));

  // Pinned, and let go.
  EXPECT_EQ(brigd.brig({"volume", "pin", "small"}).out, "small\n");
  EXPECT_EQ(show("small")["pinned"], true);
  EXPECT_EQ(brigd.brig({"volume", "unpin", "small"}).code, 0);
  EXPECT_EQ(show("small")["pinned"], false);

  // What Brig did not make is shown to who asks, with who has it.
  auto foreign = "foreign-" + show("big")["engine_name"].get<std::string>().substr(12, 8);
  auto& engine = Engine::shared();
  ASSERT_TRUE(engine.request("POST", "/volumes/create", R"({"Name": ")" + foreign + R"("})"));
  auto all = json::parse(brigd.brig({"volume", "ls", "--all", "--json"}).out);
  bool seen = false;
  for (const auto& one : all["foreign"]) seen |= one["name"] == foreign;
  EXPECT_TRUE(seen);
  EXPECT_NE(brigd.brig({"volume", "rm", foreign}).code, 0);
  EXPECT_TRUE(engine.request("DELETE", "/volumes/" + foreign));
}

TEST_F(Volumes, AreKnownAgainWhenTheLedgerIsLost) {
  ASSERT_EQ(brigd.brig({"volume", "create", "cache", "--mesh", "north"}).code, 0);
  ASSERT_EQ(sh("echo kept > ~/.kit/x", {}, "kit").code, 0);
  eventually([&] { return brigd.sessions().empty(); }, "the sandbox is gone");
  auto before = list();
  ASSERT_EQ(brigd.stop_politely(), 0);
  for (const char* file : {"brig.db", "brig.db-wal", "brig.db-shm"})
    std::filesystem::remove(brigd.state() / file);
  brigd.start();
  auto after = list();
  ASSERT_EQ(after.size(), before.size());
  for (std::size_t i = 0; i < before.size(); ++i)
    for (const char* key :
         {"name", "kind", "engine_name", "owner", "mesh", "provider", "identity_id", "size_limit", "size"})
      EXPECT_EQ(after[i].value(key, json()), before[i].value(key, json())) << key;
  // Its accounts were lost with it.
  EXPECT_EQ(list({"--orphan"}).size(), 3u);
  auto name = show("cache")["engine_name"].get<std::string>();
  EXPECT_TRUE(mounted(name));
  auto other = json::parse(*Engine::shared().request("GET", "/volumes/" + name));
  EXPECT_EQ(other["Labels"]["brig.name"], "cache");
  EXPECT_EQ(brigd.brig({"volume", "rm", "--no-quarantine", "cache"}).code, 0);
}

TEST_F(Volumes, RefuseWhatCannotBe) {
  ASSERT_EQ(brigd.brig({"volume", "create", "cache"}).code, 0);
  auto refused = [&](std::vector<std::string> args, const std::string& says) {
    auto done = brigd.brig(args);
    EXPECT_NE(done.code, 0);
    EXPECT_THAT(done.err, HasSubstr(says));
  };
  refused({"volume", "create", "cache"}, "already");
  refused({"volume", "create", "../x"}, "name");
  refused({"volume", "create", "big", "--size", "1G"}, "max_size");
  refused({"volume", "create", "tiny", "--size", "1K"}, "between");
  refused({"volume", "rm", "nothing"}, "there is no volume 'nothing'");
  auto run = [&](const std::string& volume, const std::string& says) {
    refused({"run", "box", "--rm", "--empty", "-v", volume, "--", "true"}, says);
  };
  run("nothing:/cache", "brig volume create nothing");
  run("cache:/workspace/x", "/workspace");
  run("cache:/run/brig", "/run");
  run("cache:/etc/ssl", "/etc");
  run("cache:/a/../b", "absolute");
  run("cache", "NAME:/path");
  run("brig-shared-x:/c", "there is no volume");
  refused({"run", "box", "--rm", "--empty", "-v", "cache:/c", "-v", "cache:/c", "--", "true"}, "second");
  EXPECT_EQ(brigd.brig({"volume", "create", "b"}).code, 0);
  EXPECT_EQ(brigd.brig({"volume", "create", "c"}).code, 0);
  refused({"volume", "create", "d"}, "per_owner");
  brigd.expect_nothing_left();
}

TEST_F(Volumes, SurviveBrigdsEndOfEitherKind) {
  ASSERT_EQ(brigd.brig({"volume", "create", "cache"}).code, 0);
  auto name = show("cache")["engine_name"].get<std::string>();
  ASSERT_EQ(
      brigd.brig({"run", "box", "-d", "--empty", "-n", "user", "-v", "cache:/c", "--", "sleep", "1000"}).code,
      0);
  brigd.kill_hard();
  brigd.start();
  EXPECT_EQ(brigd.brig({"exec", "user", "--", "sh", "-c", "echo kept > /c/a"}).code, 0);
  EXPECT_EQ(brigd.stop_politely(), 0);
  EXPECT_TRUE(mounted(name));  // its sandbox runs on
  brigd.start();
  EXPECT_EQ(brigd.brig({"rm", "-f", "user"}).code, 0);
  EXPECT_EQ(brigd.stop_politely(), 0);
  EXPECT_FALSE(mounted(name));
  // What somebody puts there meanwhile is taken in.
  auto data = brigd.state() / "volumes" / name / "data";
  put_file(data / "b", "meanwhile\n", 0);
  brigd.start();
  EXPECT_TRUE(mounted(name));
  EXPECT_EQ(sh("cat /c/a /c/b; stat -c %u /c/b", {"-v", "cache:/c"}).out, "kept\nmeanwhile\n1000\n");
}

TEST_F(Volumes, AFileOfOnesOwnLiesOverWhatIsThere) {
  put_file(brigd.dir() / "settings.json", "mine\n", 0);
  ::chmod((brigd.dir() / "settings.json").c_str(), 0640);
  auto done =
      sh("cat ~/.kit/settings.json; stat -c %a ~/.kit/settings.json; echo x > ~/.kit/settings.json || true",
         {"--overlay", "settings.json:/home/agent/.kit/settings.json"}, "kit");
  EXPECT_EQ(done.out, "mine\n640\n") << done.err;
  EXPECT_THAT(done.err, HasSubstr("Read-only"));
  auto writable = sh("echo x > ~/.kit/settings.json && cat ~/.kit/settings.json",
                     {"--overlay", "settings.json:/home/agent/.kit/settings.json:rw"}, "kit");
  EXPECT_EQ(writable.out, "x\n") << writable.err;
  for (const char* bad : {"missing:/opt/x", "settings.json", ".:/opt/x", "settings.json:/etc/passwd"})
    EXPECT_NE(sh("true", {"--overlay", bad}).code, 0) << bad;
}

TEST_F(Volumes, ProvidersAreDeclaredFromAFile) {
  put_file(brigd.dir() / "plugin.json",
           R"({"title": "A plugin", "image": "brig-test/busybox", "binary": "sh", "args_are_command": true,
               "config": [{"path": "/home/agent/.plugin", "read_only": false}]})",
           0);
  auto added = brigd.brig({"provider", "add", "plugin.json"});
  EXPECT_EQ(added.code, 0) << added.err;
  EXPECT_EQ(added.out, "plugin\n");
  EXPECT_THAT(brigd.brig({"provider", "ls"}).out, HasSubstr("plugin"));
  EXPECT_THAT(brigd.brig({"provider", "show", "plugin"}).out, HasSubstr("/home/agent/.plugin, shared"));
  EXPECT_EQ(sh("echo runs > ~/.plugin/a; cat ~/.plugin/a", {}, "plugin").out, "runs\n");
  put_file(brigd.dir() / "bad.json", R"({"title": "x", "imag": "y"})", 0);
  auto bad = brigd.brig({"provider", "add", "bad.json"});
  EXPECT_NE(bad.code, 0);
  EXPECT_THAT(bad.err, HasSubstr("imag"));
  EXPECT_NE(brigd.brig({"provider", "rm", "kit"}).code, 0);  // built in
  EXPECT_EQ(brigd.brig({"provider", "rm", "plugin"}).code, 0);
  EXPECT_NE(brigd.brig({"provider", "show", "plugin"}).code, 0);
}

}  // namespace
}  // namespace brig::test
