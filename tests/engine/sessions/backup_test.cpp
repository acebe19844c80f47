// The state in one file, made while brigd serves, and back: beside the disk it came from, on an empty one,
// and what damage and full disks leave.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "brigd.hpp"
#include "core/files.hpp"

namespace brig::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

class BackupEngine : public testing::Test {
 protected:
  BackupEngine() : brigd("[volumes]\nsize = \"16 MiB\"\n") {
    EXPECT_TRUE(write_file(brigd.dir() / "pass", "correct horse battery\n", 0600));
  }
  harness::Finished system(const char* what, const fs::path& at, std::vector<std::string> more = {}) {
    std::vector<std::string> words{
        "system", what, at, "--config", brigd.config(), "--passphrase-file", brigd.dir() / "pass"};
    words.insert(words.end(), more.begin(), more.end());
    return brigd.brig(words);
  }
  fs::path file() const { return brigd.dir() / "brig.tar.zst"; }
  std::string ok(const std::vector<std::string>& words, std::string_view input = {}) {
    auto done = brigd.brig(words, input);
    EXPECT_EQ(done.code, 0) << testing::PrintToString(words) << ": " << done.err;
    return done.out;
  }
  // Writes keys one after the other until it is told to stop.
  harness::Child writer() {
    auto options = brigd.options();
    auto child = harness::Child::spawn({"/bin/sh", "-c",
                                        "i=0; until [ -e stop ]; do i=$((i+1)); echo v | \"$0\" vault set "
                                        "k$i >/dev/null 2>&1 || exit 1; done",
                                        brigd.command({})[0]},
                                       options);
    if (!child) throw std::runtime_error(child.error().message);
    return std::move(*child);
  }
  std::size_t keys() {
    auto all = json::parse(brigd.brig({"vault", "ls", "--json"}).out, nullptr, false);
    return all.is_array() ? all.size() : 0;
  }
  std::size_t sessions_called(const std::string& name) {
    std::size_t out = 0;
    for (const auto& one : brigd.sessions()) out += one["name"] == name;
    return out;
  }
  Brigd brigd;
};

TEST_F(BackupEngine, IsOfOneMomentWhileItServesAndComesBack) {
  ok({"volume", "create", "data"});
  ok({"run", "box", "-d", "--empty", "-n", "work", "-v", "data:/v", "--", "sleep", "100000"});
  ok({"exec", "work", "--", "sh", "-c", "echo kept > /v/file; echo kept > /workspace/file"});
  ok({"volume", "pin", "data"});
  auto token = ok({"token", "create", "--label", "ci", "--role", "user"});

  auto writing = writer();
  eventually([&] { return keys() >= 3; }, "keys are written");
  auto made = system("backup", file());
  ASSERT_EQ(made.code, 0) << made.err;
  auto after = keys();
  put_file(brigd.dir() / "stop", "", 0);
  auto wrote = writing.wait();
  ASSERT_TRUE(wrote && *wrote == 0);
  EXPECT_GE(after, 3u);

  // What happens later is not in it.
  ok({"volume", "unpin", "data"});
  ok({"run", "box", "-d", "--empty", "-n", "later", "--", "sleep", "100000"});
  ok({"rm", "-f", "later"});
  EXPECT_THAT(system("restore", file(), {"--replace"}).err, HasSubstr("in use by another brigd"));
  brigd.kill_hard();
  auto early = system("restore", file(), {"--replace"});
  EXPECT_EQ(early.code, 73);
  EXPECT_THAT(early.err, HasSubstr("sandboxes are running"));
  brigd.start();
  ok({"stop", "work"});
  ASSERT_EQ(brigd.stop_politely(), 0);

  // A flipped bit anywhere: told, and nothing changes.
  auto whole = read_file(file(), 64 << 20);
  ASSERT_TRUE(whole);
  auto flipped = *whole;
  flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 0x04);
  put_file(brigd.dir() / "flipped", flipped, 0);
  auto damaged = system("restore", brigd.dir() / "flipped", {"--replace"});
  EXPECT_EQ(damaged.code, 65);
  EXPECT_THAT(damaged.err, HasSubstr("damaged at byte"));
  brigd.start();
  EXPECT_EQ(json::parse(ok({"volume", "show", "data", "--json"}))["pinned"], false);
  ASSERT_EQ(brigd.stop_politely(), 0);

  // On the disk it came from: everything.
  auto back = system("restore", file(), {"--replace"});
  ASSERT_EQ(back.code, 0) << back.err;
  EXPECT_THAT(back.err, testing::Not(HasSubstr("left out")));
  brigd.start();
  auto restored = keys();
  EXPECT_GE(restored, 3u);
  EXPECT_LE(restored, after);
  // One after the other they were written, so no earlier one is missing.
  auto listed = json::parse(ok({"vault", "ls", "--json"}));
  for (std::size_t i = 1; i <= restored; ++i)
    EXPECT_THAT(listed.dump(), HasSubstr("\"k" + std::to_string(i) + "\"")) << listed.dump();
  EXPECT_EQ(json::parse(ok({"volume", "show", "data", "--json"}))["pinned"], true);
  EXPECT_EQ(sessions_called("work"), 1u);
  EXPECT_THAT(ok({"token", "ls"}), HasSubstr("ci"));
  EXPECT_EQ(ok({"run", "box", "--rm", "--empty", "-v", "data:/v", "--", "cat", "/v/file"}), "kept\n");

  // On an empty one: what lives in the ledger, and told by name what does not.
  ok({"rm", "-f", "work"});
  brigd.remove_volumes();
  ASSERT_EQ(brigd.stop_politely(), 0);
  fs::remove_all(brigd.state());
  auto fresh = system("restore", file());
  ASSERT_EQ(fresh.code, 0) << fresh.err;
  EXPECT_THAT(fresh.err, HasSubstr("1 sessions were left out"));
  EXPECT_THAT(fresh.err, HasSubstr("work"));
  EXPECT_THAT(fresh.err, HasSubstr("1 volumes were left out"));
  EXPECT_THAT(fresh.err, HasSubstr("data"));
  brigd.start();
  EXPECT_EQ(keys(), restored);
  EXPECT_EQ(sessions_called("work"), 0u);
  EXPECT_THAT(ok({"token", "ls"}), HasSubstr("ci"));
  ok({"vault", "set", "more"}, "sealed under the key that came along");
  ok({"volume", "create", "data"});
  brigd.remove_volumes();
}

// What was put away after the backup is put away still, and comes back with what was in it.
TEST_F(BackupEngine, ForgetsNoVolumeThatWasPrunedSince) {
  ok({"volume", "create", "data"});
  ok({"run", "box", "--rm", "--empty", "-v", "data:/v", "--", "sh", "-c", "echo kept > /v/file"});
  eventually([&] { return brigd.sessions().empty(); }, "the session is gone");
  ASSERT_EQ(system("backup", file()).code, 0);
  ok({"volume", "rm", "data"});
  ASSERT_EQ(brigd.stop_politely(), 0);
  auto back = system("restore", file(), {"--replace"});
  ASSERT_EQ(back.code, 0) << back.err;
  EXPECT_THAT(back.err, testing::Not(HasSubstr("left out")));
  brigd.start();
  ok({"volume", "restore", "data"});
  EXPECT_EQ(ok({"run", "box", "--rm", "--empty", "-v", "data:/v", "--", "cat", "/v/file"}), "kept\n");
  brigd.remove_volumes();
}

TEST_F(BackupEngine, AFullDiskLeavesNothingHalf) {
  ASSERT_EQ(system("backup", file()).code, 0);
  auto small = brigd.dir() / "small";
  fs::create_directory(small);
  struct Mount {
    fs::path at;
    ~Mount() { (void)::umount2(at.c_str(), MNT_DETACH); }
  };
  ASSERT_EQ(::mount("none", small.c_str(), "tmpfs", 0, "size=64k"), 0) << std::strerror(errno);
  Mount mounted{small};
  put_file(small / "filler", std::string(64 * 1024, 'x'), 0);
  auto left = [](const fs::path& at) {
    std::vector<std::string> out;
    for (const auto& entry : fs::directory_iterator(at)) out.push_back(entry.path().filename());
    return out;
  };
  auto made = system("backup", small / "brig.tar.zst");
  EXPECT_EQ(made.code, 71) << made.err;
  EXPECT_THAT(left(small), testing::ElementsAre("filler"));
  EXPECT_FALSE(fs::exists(brigd.state() / "backup.new"));
  // The state itself on a disk with no room for another.
  auto config = read_file(brigd.config(), 64 * 1024);
  ASSERT_TRUE(config);
  config->replace(config->find(brigd.state().string()), brigd.state().string().size(), small.string());
  put_file(brigd.dir() / "small.toml", *config, 0);
  auto put = brigd.brig({"system", "restore", file(), "--config", brigd.dir() / "small.toml"});
  EXPECT_EQ(put.code, 71) << put.err;
  for (const auto& name : left(small)) EXPECT_TRUE(name == "filler" || name.ends_with(".lock")) << name;
}

}  // namespace
}  // namespace brig::test
