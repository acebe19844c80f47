// brig system backup and restore, and brigd's own log, as an operator has them, with a brigd that has no
// engine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/files.hpp"
#include "harness/child.hpp"

namespace brig::daemon {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class UpkeepTest : public testing::Test {
 protected:
  UpkeepTest() {
    std::string name = fs::temp_directory_path() / "brig-upkeep-XXXXXX";
    dir = ::mkdtemp(name.data());
    EXPECT_TRUE(write_file(config(),
                           "[service]\nstate_dir = \"" + (dir / "state").string() + "\"\nsocket = \"" +
                               (dir / "brig.sock").string() + "\"\ngroup = \"\"\n[engine]\nhost = \"unix://" +
                               (dir / "nobody").string() + "\"\n[trust]\nca_bundle = \"none\"\n",
                           0600));
  }
  ~UpkeepTest() override {
    brigd.reset();
    fs::remove_all(dir);
  }
  std::string config() const { return dir / "brig.toml"; }
  std::string log() const { return dir / "brigd.log"; }
  std::string file() const { return dir / "brig.tar.zst"; }
  harness::Finished brig(std::vector<std::string> words, std::string_view input = {}) {
    words.insert(words.begin(), BRIG_PROGRAM);
    harness::SpawnOptions options;
    options.env = {{"BRIG_HOST", "unix://" + (dir / "brig.sock").string()}};
    auto done = harness::run(words, input, options);
    return done ? *done : harness::Finished{-1, "", done.error().message};
  }
  void start() {
    auto child = harness::Child::spawn(
        {"/bin/sh", "-c", "exec \"$0\" --config \"$1\" 2>> \"$2\"", BRIGD_PROGRAM, config(), log()});
    ASSERT_TRUE(child) << child.error().message;
    brigd.emplace(std::move(*child));
    while (brigd->running() && brig({"vault", "ls"}).code != 0) ::usleep(1000);
    ASSERT_TRUE(brigd->running());
  }
  void stop() {
    brigd->kill(SIGTERM);
    auto code = brigd->wait();
    ASSERT_TRUE(code && *code == 0);
  }
  fs::path dir;
  std::optional<harness::Child> brigd;
};

TEST_F(UpkeepTest, BackupAndRestore) {
  ASSERT_TRUE(write_file(dir / "pass", "correct horse battery\n", 0600));
  ASSERT_TRUE(write_file(dir / "short", "word\n", 0600));
  start();
  ASSERT_EQ(brig({"vault", "set", "first"}, "a value").code, 0);
  auto weak = brig({"system", "backup", file(), "--config", config(), "--passphrase-file", dir / "short"});
  EXPECT_EQ(weak.code, 65);
  EXPECT_THAT(weak.err, HasSubstr("no passphrase"));
  auto made = brig({"system", "backup", file(), "--config", config(), "--passphrase-file", dir / "pass"});
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_THAT(made.err, HasSubstr("the backup is whole"));
  ASSERT_EQ(brig({"vault", "set", "second"}, "a value").code, 0);

  // Not beside a brigd that runs, and not over what is in use unless told.
  auto busy = brig({"system", "restore", file(), "--config", config(), "--replace"});
  EXPECT_EQ(busy.code, 73);
  EXPECT_THAT(busy.err, HasSubstr("in use by another brigd"));
  stop();
  auto used = brig({"system", "restore", file(), "--config", config()});
  EXPECT_EQ(used.code, 73);
  EXPECT_THAT(used.err, HasSubstr("--replace"));

  // On a new machine: state, key and all.
  fs::remove_all(dir / "state");
  auto restored =
      brig({"system", "restore", file(), "--config", config(), "--passphrase-file", dir / "pass"});
  ASSERT_EQ(restored.code, 0) << restored.err;
  EXPECT_THAT(restored.err, HasSubstr("restored the state of"));
  start();
  auto keys = brig({"vault", "ls"});
  EXPECT_THAT(keys.out, HasSubstr("first"));
  EXPECT_THAT(keys.out, testing::Not(HasSubstr("second")));
  // It opens with the key that came along: another value is sealed under it.
  EXPECT_EQ(brig({"vault", "set", "third"}, "a value").code, 0);
  stop();
}

TEST_F(UpkeepTest, ToStandardOutputAndNotFromAfar) {
  start();
  auto made = brig({"system", "backup", "-", "--config", config()});
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_THAT(made.err, HasSubstr("without the vault's key"));
  EXPECT_GT(made.out.size(), 1000u);
  stop();
  ASSERT_TRUE(write_file(file(), made.out, 0600));
  auto restored = brig({"system", "restore", file(), "--config", config()});
  EXPECT_EQ(restored.code, 0) << restored.err;
  auto both = harness::run({BRIGD_PROGRAM, "--backup", file(), "--restore", file()});
  ASSERT_TRUE(both);
  EXPECT_EQ(both->code, 64);
  auto afar = brig({"-H", "https://brig.example:7543", "system", "backup", file()});
  EXPECT_NE(afar.code, 0);
  EXPECT_THAT(afar.err, HasSubstr("ssh HOST"));
}

TEST_F(UpkeepTest, ItsLogIsFoundWhereItWrites) {
  start();
  auto last = brig({"logs", "--service", "-n", "1"});
  EXPECT_EQ(last.code, 0) << last.err;
  EXPECT_EQ(std::count(last.out.begin(), last.out.end(), '\n'), 1) << last.out;
  auto all = read_file(log(), 1 << 20);
  ASSERT_TRUE(all);
  EXPECT_THAT(*all, HasSubstr(last.out));
  auto lines = brig({"logs", "--service", "--json"});
  EXPECT_EQ(lines.code, 0) << lines.err;
  auto first = nlohmann::json::parse(lines.out.substr(0, lines.out.find('\n')));
  EXPECT_TRUE(first.contains("message") && first.contains("level")) << first.dump();

  // What comes later comes, in either format.
  harness::SpawnOptions options;
  options.env = {{"BRIG_HOST", "unix://" + (dir / "brig.sock").string()}};
  options.pipe_out = true;
  auto following =
      harness::Child::spawn({BRIG_PROGRAM, "logs", "--service", "-f", "-n", "0", "--json"}, options);
  ASSERT_TRUE(following);
  auto told = fopen(log().c_str(), "a");
  ASSERT_TRUE(told);
  std::string heard;
  // It may begin to listen after the first of them.
  for (int i = 0; i < 1000 && heard.find('\n') == heard.npos; ++i) {
    std::fputs("{\"level\":\"info\",\"message\":\"later\"}\n", told);
    std::fflush(told);
    pollfd ready{following->out.get(), POLLIN, 0};
    char piece[4096];
    if (::poll(&ready, 1, 100) != 1) continue;
    auto n = ::read(following->out.get(), piece, sizeof piece);
    ASSERT_GT(n, 0);
    heard.append(piece, static_cast<std::size_t>(n));
  }
  std::fclose(told);
  EXPECT_THAT(heard, HasSubstr("\"message\":\"later\""));

  EXPECT_EQ(brig({"logs"}).code, 64);
  EXPECT_EQ(brig({"logs", "fix", "--service"}).code, 64);
  EXPECT_EQ(brig({"logs", "fix", "-n", "3"}).code, 64);
  EXPECT_EQ(brig({"logs", "--service", "--from-end"}).code, 64);
  auto afar = brig({"-H", "https://brig.example:7543", "logs", "--service"});
  EXPECT_NE(afar.code, 0);
  stop();
}

}  // namespace
}  // namespace brig::daemon
