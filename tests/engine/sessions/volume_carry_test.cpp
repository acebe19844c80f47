// Volumes that leave as archives, come back, are copied and removed, on a real engine; and what is left when
// that goes wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "brigd.hpp"
#include "core/files.hpp"

namespace brig::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;
using testing::IsEmpty;

// All of a directory, from inside: names, modes, what links lead to, contents.
constexpr const char* kTree =
    "cd /v; find . ! -name . | sort | while read -r f; do stat -c '%n %f %N' \"$f\"; "
    "if [ -f \"$f\" ]; then md5sum < \"$f\"; fi; done";

class Carry : public testing::Test {
 protected:
  Carry() : brigd("[volumes]\nsize = \"32 MiB\"\nmax_size = \"64 MiB\"\n") {}
  ~Carry() override { brigd.remove_volumes(); }

  std::string sh(const std::string& volume, const std::string& script) {
    auto done = brigd.brig(
        {"run", "box", "--rm", "--empty", "-v", volume + ":/v", "--", "sh", "-ec", "umask 022; " + script});
    EXPECT_EQ(done.code, 0) << done.err;
    // It has the volume until it is gone.
    eventually(
        [&] {
          auto all = brigd.sessions();
          return std::all_of(all.begin(), all.end(), [](const auto& one) { return one["name"] == "user"; });
        },
        "the sandbox is gone");
    return done.out;
  }
  void ok(std::vector<std::string> args) {
    auto done = brigd.brig(args);
    EXPECT_EQ(done.code, 0) << testing::PrintToString(args) << ": " << done.err;
  }
  void fill(const std::string& volume) {
    ok({"volume", "create", volume});
    sh(volume,
       "cd /v; mkdir -p deep/er empty; echo one > a; chmod 640 a; head -c 3000000 /dev/urandom > deep/er/b; "
       "ln -s /usr/bin/env link; ln -s a near; printf x > \"$(printf 'b\\303\\251 \\t x')\"; chmod 700 deep");
  }
  std::string exported(const std::string& volume) {
    auto done = brigd.brig({"volume", "export", volume});
    EXPECT_EQ(done.code, 0) << done.err;
    return done.out;
  }
  // What Brig has of volumes on disk, whatever the ledger says.
  std::vector<std::string> on_disk() {
    std::vector<std::string> out;
    for (const char* place : {"volumes", "carried", "quarantine"}) {
      std::error_code ec;
      for (const auto& entry : fs::directory_iterator(brigd.state() / place, ec))
        out.push_back(std::string(place) + "/" + entry.path().filename().string());
    }
    return out;
  }
  std::vector<std::string> names() {
    std::vector<std::string> out;
    for (const auto& one : json::parse(brigd.brig({"volume", "ls", "--json"}).out))
      out.push_back(one["name"]);
    return out;
  }

  Brigd brigd;
};

TEST_F(Carry, WhatGoesOutComesInAgainToTheByte) {
  fill("cache");
  auto tree = sh("cache", kTree);
  auto archive = exported("cache");
  // A session that has it goes on.
  ok({"run", "box", "-d", "--empty", "-n", "user", "-v", "cache:/v", "--", "sleep", "100000"});
  ok({"volume", "clone", "cache", "copy"});
  EXPECT_EQ(exported("cache").size(), archive.size());
  ok({"exec", "user", "--", "sh", "-c", "echo later > /v/later"});
  ok({"rm", "-f", "user"});
  EXPECT_EQ(sh("copy", kTree), tree);

  auto other = brigd.brig({"volume", "import", "other"}, archive);
  EXPECT_EQ(other.code, 0) << other.err;
  EXPECT_EQ(other.out, "other\n");
  EXPECT_EQ(sh("other", kTree), tree);
  EXPECT_EQ(sh("other", "stat -c %u:%g /v /v/a /v/deep/er/b"), "1000:1000\n1000:1000\n1000:1000\n");
  auto shown = json::parse(brigd.brig({"volume", "show", "other", "--json"}).out);
  EXPECT_EQ(shown["size_limit"], 32u << 20);
  EXPECT_EQ(shown["kind"], "shared");

  // Under the name it had, once that is free; from a file.
  auto file = brigd.dir() / "w.tar.zst";
  put_file(file, archive, 0);
  auto taken = brigd.brig({"volume", "import", file});
  EXPECT_EQ(taken.code, 73) << taken.err;
  ok({"volume", "rm", "--no-quarantine", "cache"});
  ok({"volume", "import", file});
  EXPECT_EQ(sh("cache", kTree), tree);
  EXPECT_THAT(on_disk(), testing::SizeIs(3));
}

// A provider's configuration belongs to an account; what is in it may be had as a shared one.
TEST_F(Carry, ConfigurationNeedsAName) {
  auto made = brigd.brig({"run", "kit", "--rm", "--empty", "--", "sh", "-c", "echo kept > ~/.kit/x"});
  ASSERT_EQ(made.code, 0) << made.err;
  std::string engine_name;
  for (const auto& one : json::parse(brigd.brig({"volume", "ls", "--kind", "config", "--json"}).out))
    if (one["engine_name"].get<std::string>().ends_with("-1")) engine_name = one["engine_name"];
  auto archive = exported(engine_name);
  auto refused = brigd.brig({"volume", "import"}, archive);
  EXPECT_EQ(refused.code, 65);
  EXPECT_THAT(refused.err, HasSubstr("give the volume a name"));
  EXPECT_EQ(brigd.brig({"volume", "import", "had"}, archive).code, 0);
  EXPECT_EQ(sh("had", "cat /v/x"), "kept\n");
}

TEST_F(Carry, OfWhatIsDamagedOrTooLargeNothingIsThere) {
  fill("cache");
  auto archive = exported("cache");
  auto before = on_disk();
  auto refused = [&](const std::string& bytes, int code, const std::string& says) {
    auto done = brigd.brig({"volume", "import", "other"}, bytes);
    EXPECT_EQ(done.code, code) << done.err;
    EXPECT_THAT(done.err, HasSubstr(says));
    EXPECT_EQ(on_disk(), before);
    EXPECT_THAT(names(), testing::ElementsAre("cache"));
  };
  for (auto at : {std::size_t{4}, archive.size() / 2, archive.size() - 3}) {
    auto bad = archive;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    refused(bad, 65, "damaged at byte");
  }
  refused(archive.substr(0, archive.size() - 1), 65, "breaks off");
  refused("", 65, "breaks off");
  refused("no archive", 65, "damaged");
  EXPECT_EQ(brigd.brig({"volume", "import", "other"}, archive).code, 0);
}

TEST_F(Carry, AFullDiskLeavesNothingHalf) {
  ASSERT_EQ(brigd.stop_politely(), 0);
  auto state = brigd.state();
  ASSERT_EQ(::mount("none", state.c_str(), "tmpfs", 0, "size=64m"), 0) << std::strerror(errno);
  brigd.start();
  fill("cache");
  auto archive = exported("cache");
  auto before = on_disk();
  // The kernel gives back what it took a moment later.
  eventually(
      [] {
        for (const auto& device : fs::directory_iterator("/sys/block")) {
          auto file = read_file(device.path() / "loop" / "backing_file", 4096);
          if (file && file->find("/carried/") != file->npos) return false;
        }
        return true;
      },
      "nothing is carried any more");
  struct statvfs room {};
  ASSERT_EQ(::statvfs(state.c_str(), &room), 0);
  put_file(state / "filler", std::string(room.f_bavail * room.f_frsize - (2 << 20), 'x'), 0);
  for (const auto& [args, input] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"volume", "export", "cache"}, ""},
           {{"volume", "clone", "cache", "copy"}, ""},
           {{"volume", "import", "other"}, archive}}) {
    auto done = brigd.brig(args, input);
    EXPECT_EQ(done.code, 71) << args[1] << ": " << done.err;
    EXPECT_THAT(done.err, HasSubstr("free space")) << args[1];
    EXPECT_EQ(on_disk(), before) << args[1];
    EXPECT_THAT(names(), testing::ElementsAre("cache")) << args[1];
  }
  fs::remove(state / "filler");
  EXPECT_EQ(brigd.brig({"volume", "import", "other"}, archive).code, 0);
  brigd.remove_volumes();
  ASSERT_EQ(brigd.stop_politely(), 0);
  ASSERT_EQ(::umount2(state.c_str(), MNT_DETACH), 0) << std::strerror(errno);
  brigd.start();
}

// Whatever brigd was at when it was killed, it is there whole or not at all, and nothing else is.
TEST_F(Carry, AKilledBrigdLeavesNothingHalf) {
  fill("cache");
  auto tree = sh("cache", kTree);
  auto archive = exported("cache");
  auto settled = [&](const char* when) {
    brigd.kill_hard();
    brigd.start();
    eventually([&] { return on_disk().size() == names().size(); }, when);
    for (const auto& name : names()) EXPECT_EQ(sh(name, kTree), tree) << when;
    for (const auto& name : names())
      if (name != "cache") ok({"volume", "rm", "--no-quarantine", name});
  };
  auto begin = [&](std::vector<std::string> args) {
    auto options = brigd.options();
    options.pipe_in = options.pipe_out = options.pipe_err = true;
    auto child = harness::Child::spawn(brigd.command(std::move(args)), options);
    EXPECT_TRUE(child);
    return std::move(*child);
  };
  auto send = [](harness::Child& child, std::string_view bytes) {
    while (!bytes.empty()) {
      auto n = ::write(child.in.get(), bytes.data(), bytes.size());
      if (n <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  };
  {
    auto half = begin({"volume", "import", "half"});
    send(half, std::string_view(archive).substr(0, archive.size() / 2));
    settled("half of an archive had come");
  }
  {
    auto whole = begin({"volume", "import", "whole"});
    send(whole, archive);
    whole.in.reset();
    eventually([&] { return on_disk().size() > 1; }, "it is being put into a volume");
    settled("an archive was being taken in");
  }
  {
    auto copying = begin({"volume", "clone", "cache", "copy"});
    eventually([&] { return on_disk().size() > 1; }, "it is being copied");
    settled("a volume was being copied");
  }
  {
    // Nobody reads it: it stands still half way.
    auto leaving = begin({"volume", "export", "cache"});
    char first = 0;
    EXPECT_EQ(::read(leaving.out.get(), &first, 1), 1);
    settled("a volume was leaving");
  }
}

TEST_F(Carry, RemovingIsTakenBackUnlessItIsForGood) {
  fill("cache");
  auto tree = sh("cache", kTree);
  ok({"volume", "pin", "cache"});
  auto pinned = brigd.brig({"volume", "rm", "cache"});
  EXPECT_EQ(pinned.code, 73);
  EXPECT_THAT(pinned.err, HasSubstr("is pinned"));
  EXPECT_EQ(brigd.brig({"volume", "rm", "--no-quarantine", "cache"}).code, 73);
  ok({"volume", "unpin", "cache"});
  ok({"run", "box", "-d", "--empty", "-n", "user", "-v", "cache:/v", "--", "sleep", "100000"});
  auto used = brigd.brig({"volume", "rm", "cache"});
  EXPECT_EQ(used.code, 73);
  EXPECT_THAT(used.err, HasSubstr("'user'"));
  ok({"rm", "-f", "user"});

  auto removed = brigd.brig({"volume", "rm", "cache"});
  EXPECT_EQ(removed.code, 0) << removed.err;
  EXPECT_EQ(removed.out, "cache\n");
  EXPECT_THAT(names(), IsEmpty());
  EXPECT_THAT(on_disk(), testing::ElementsAre(HasSubstr("quarantine/")));
  auto gone = brigd.brig({"volume", "export", "cache"});
  EXPECT_EQ(gone.code, 73);
  EXPECT_THAT(gone.err, HasSubstr("brig volume restore"));
  EXPECT_EQ(brigd.brig({"volume", "rm", "cache"}).code, 73);
  ok({"volume", "restore", "cache"});
  EXPECT_EQ(sh("cache", kTree), tree);
  ok({"volume", "rm", "--no-quarantine", "cache"});
  EXPECT_THAT(on_disk(), IsEmpty());
}

}  // namespace
}  // namespace brig::test
