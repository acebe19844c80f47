// Pruning volumes on a real engine: what has a volume, of whatever kind, keeps it.
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <unistd.h>

#include "prune_house.hpp"

namespace brig::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST_F(Prune, WhatTakesRoomIsTold) {
  auto part = [&](const char* side, const std::string& kind) {
    auto done = brigd.brig({"system", "df", "--json"});
    EXPECT_EQ(done.code, 0) << done.err;
    auto told = json::parse(done.out, nullptr, false);
    for (const auto& one : told[side])
      if (one["kind"] == kind) return json(one);
    return json();
  };
  constexpr std::uint64_t kMiB = 1 << 20;
  make({"full", "empty"});
  fill("full", 3 * 1024);
  auto volumes = part("brig", "volumes");
  EXPECT_EQ(volumes["count"], 2) << volumes;
  EXPECT_EQ(volumes["idle"]["count"], 2) << volumes;
  EXPECT_EQ(sh("full", "sync").code, 0);
  EXPECT_TRUE(eventually([&] { return part("brig", "volumes")["bytes"] >= 3 * kMiB; }, "it is on the disk"));

  auto foreign = part("others", "volumes")["count"].get<int>();
  ASSERT_TRUE(Engine::shared().request("POST", "/volumes/create", R"({"Name": "df-foreign"})"));
  EXPECT_EQ(part("others", "volumes")["count"], foreign + 1);
  EXPECT_EQ(part("brig", "volumes")["count"], 2);
  ASSERT_TRUE(Engine::shared().request("DELETE", "/volumes/df-foreign"));

  auto began = brigd.brig({"run", "box", "--name", "wrote", "--empty", "-d", "-v", "full:/v", "--", "sh",
                           "-c", "head -c 2m /dev/urandom > /workspace/x; sync; sleep 1000"});
  ASSERT_EQ(began.code, 0) << began.err;
  EXPECT_EQ(part("brig", "volumes")["idle"]["count"], 1);
  EXPECT_TRUE(eventually([&] { return part("brig", "workspaces")["bytes"] >= 2 * kMiB; }, "it is written"));
  EXPECT_TRUE(
      eventually([&] { return !part("brig", "workspaces").contains("idle"); }, "the one before has gone"));
  ASSERT_EQ(brigd.brig({"stop", "--grace", "0s", "wrote"}).code, 0);
  EXPECT_GE(part("brig", "workspaces")["idle"]["bytes"], 2 * kMiB);
  ASSERT_EQ(brigd.brig({"rm", "wrote"}).code, 0);
  EXPECT_EQ(part("brig", "workspaces")["count"], 0);

  ASSERT_EQ(prune().code, 0);
  EXPECT_EQ(part("brig", "volumes")["count"], 0);
  EXPECT_EQ(part("brig", "volumes in quarantine")["count"], 2);
  EXPECT_GE(part("brig", "volumes in quarantine")["bytes"], 3 * kMiB);
  EXPECT_NE(brigd.brig({"system", "df"}).out.find("are free"), std::string::npos);
}

TEST_F(Prune, LeavesWhatAnythingSpeaksFor) {
  make({"free", "pinned", "named", "bound", "mounted", "running", "ended"});
  ASSERT_EQ(brigd.brig({"volume", "pin", "pinned"}).code, 0);
  foreign(engine_name("named"));
  auto data = [&](const std::string& name) { return brigd.state() / "volumes" / engine_name(name) / "data"; };
  foreign(data("bound").string());
  auto place = brigd.dir() / "place";
  std::filesystem::create_directory(place);
  ASSERT_EQ(::mount(data("mounted").c_str(), place.c_str(), nullptr, MS_BIND, nullptr), 0);
  ASSERT_EQ(
      brigd.brig({"run", "box", "-d", "--empty", "-n", "user", "-v", "running:/c", "--", "sleep", "1000"})
          .code,
      0);
  ASSERT_EQ(brigd.brig({"run", "box", "--empty", "-n", "past", "-v", "ended:/c", "--", "true"}).code, 0);
  eventually([&] { return plan()["ended"].find("restored") != std::string::npos; }, "it has ended");

  auto says = plan();
  EXPECT_EQ(::umount2(place.c_str(), MNT_DETACH), 0);
  EXPECT_EQ(says["free"], "goes");
  EXPECT_EQ(says["pinned"], "it is pinned");
  EXPECT_THAT(says["named"], HasSubstr("(created), which is not Brig's, has it"));
  EXPECT_THAT(says["bound"], HasSubstr("which is not Brig's, has it"));
  EXPECT_THAT(says["mounted"], HasSubstr("mounted at '" + place.string() + "'"));
  EXPECT_THAT(says["running"], HasSubstr("session 'user'"));
  EXPECT_EQ(says.size(), 7u);
  // By age nothing goes yet.
  for (const auto& [name, reason] : plan({})) EXPECT_NE(reason, "goes") << name;
  EXPECT_THAT(brigd.brig({"volume", "show", "pinned"}).out, HasSubstr("leaves it: it is pinned"));

  // Nobody to ask is no yes.
  EXPECT_EQ(brigd.brig({"volume", "prune", "--unused-for", "0s"}).code, 65);
  auto gone = engine_name("free");
  // That mount is gone, so its volume goes, too.
  auto done = brigd.brig({"volume", "prune", "--unused-for", "0s", "-y", "--json"});
  ASSERT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(json::parse(done.out)["steps"].size(), 2u);
  EXPECT_EQ(list().size(), 5u);
  EXPECT_FALSE(std::filesystem::exists(brigd.state() / "volumes" / gone));
  EXPECT_EQ(quarantined().size(), 2u);
  EXPECT_FALSE(Engine::shared().request("GET", "/volumes/" + gone));
  EXPECT_TRUE(Engine::shared().request("GET", "/volumes/" + engine_name("named")));
  EXPECT_EQ(brigd.brig({"exec", "user", "--", "touch", "/c/still"}).code, 0);
}

TEST_F(Prune, DoesWhatWasPlannedOrNothing) {
  make({"one", "two"});
  auto file = (brigd.dir() / "plan.json").string();
  auto write = [&] {
    return brigd.brig({"volume", "prune", "--unused-for", "0s", "--plan", file, "--dry-run"}).code;
  };
  ASSERT_EQ(write(), 0);
  ASSERT_EQ(list().size(), 2u);
  // The world changes: nothing of it is done.
  ASSERT_EQ(brigd.brig({"run", "box", "--rm", "--empty", "-v", "one:/c", "--", "true"}).code, 0);
  eventually([&] { return plan()["one"] == "goes"; }, "it could go again");
  auto refused = brigd.brig({"volume", "prune", "--execute", file});
  EXPECT_EQ(refused.code, 73);
  EXPECT_THAT(refused.err, HasSubstr("was used since"));
  EXPECT_EQ(list().size(), 2u);

  ASSERT_EQ(write(), 0);
  make({"three"});  // is not in the plan
  auto done = brigd.brig({"volume", "prune", "--execute", file});
  EXPECT_EQ(done.code, 0) << done.err;
  ASSERT_EQ(list().size(), 1u);
  EXPECT_EQ(list()[0]["name"], "three");
  EXPECT_EQ(brigd.brig({"volume", "prune", "--execute", file}).code, 73);  // they are gone
  EXPECT_EQ(brigd.brig({"volume", "prune", "--execute", "/no/such/plan"}).code, 66);
  put_file(file, "{}", 0);
  EXPECT_EQ(brigd.brig({"volume", "prune", "--execute", file}).code, 65);
}

TEST_F(Prune, GivesBackWhatItTook) {
  make({"cache", "other"});
  auto sum = fill("cache", 3000);
  auto name = engine_name("cache");
  ASSERT_EQ(prune().code, 0);
  EXPECT_TRUE(list().empty());
  ASSERT_EQ(quarantined().size(), 2u);
  EXPECT_THAT(brigd.brig({"volume", "ls", "--quarantined"}).out, HasSubstr("quarantined"));
  EXPECT_EQ(stage("cache"), "quarantined");
  EXPECT_FALSE(Engine::shared().request("GET", "/volumes/" + name));
  EXPECT_NE(brigd.brig({"volume", "create", "cache"}).code, 0);  // its name is kept for it

  EXPECT_EQ(brigd.brig({"volume", "restore", "cache"}).out, "cache\n");
  EXPECT_TRUE(Engine::shared().request("GET", "/volumes/" + name));
  EXPECT_EQ(sh("cache", "md5sum /v/x; readlink /v/l; stat -c %h /v/y").out, sum + "nowhere\n2\n");
  EXPECT_FALSE(std::filesystem::exists(brigd.state() / "quarantine" / name));

  // A session that asks for one gets it.
  EXPECT_EQ(sh("other", "echo here > /v/a; cat /v/a").out, "here\n");
  EXPECT_EQ(stage("other"), "");

  // Damaged, it is named and stays.
  eventually([&] { return plan()["cache"] == "goes" && plan()["other"] == "goes"; }, "nobody has them");
  ASSERT_EQ(prune().code, 0);
  auto archive = brigd.state() / "quarantine" / name / "volume.zst";
  auto bytes = *read_file(archive, 64 << 20);
  auto bad = bytes;
  bad[bad.size() / 2] = static_cast<char>(bad[bad.size() / 2] ^ 4);
  put_file(archive, bad, 0);
  auto refused = brigd.brig({"volume", "restore", "cache"});
  EXPECT_EQ(refused.code, 65);
  EXPECT_THAT(refused.err, HasSubstr("damaged at byte"));
  EXPECT_EQ(stage("cache"), "quarantined");
  put_file(archive, bytes, 0);
  EXPECT_EQ(brigd.brig({"volume", "restore", "cache"}).code, 0);
  EXPECT_EQ(sh("cache", "md5sum /v/x").out, sum);

  // For good, out of quarantine and without it.
  EXPECT_EQ(brigd.brig({"volume", "rm", "other"}).code, 73) << "it is in quarantine already";
  EXPECT_EQ(brigd.brig({"volume", "rm", "--no-quarantine", "other"}).code, 0);
  EXPECT_TRUE(quarantined().empty());
  eventually([&] { return plan()["cache"] == "goes"; }, "nobody has it");
  ASSERT_EQ(prune({"--no-quarantine"}).code, 0);
  EXPECT_TRUE(quarantined().empty());
  EXPECT_NE(brigd.brig({"volume", "restore", "cache"}).code, 0);
  brigd.expect_nothing_left();
}

TEST_F(Prune, TakesNothingWithoutRoomForItsArchive) {
  make({"cache"});
  auto sum = fill("cache", 3000);
  auto place = brigd.state() / "quarantine";
  std::filesystem::create_directory(place);
  ASSERT_EQ(::mount("none", place.c_str(), "tmpfs", 0, "size=1m"), 0);
  auto done = prune();
  EXPECT_THAT(done.err, AllOf(HasSubstr("left cache"), HasSubstr("No space left")));
  EXPECT_EQ(stage("cache"), "");
  EXPECT_TRUE(std::filesystem::is_empty(place));
  EXPECT_EQ(::umount2(place.c_str(), MNT_DETACH), 0);
  EXPECT_EQ(sh("cache", "md5sum /v/x").out, sum);
}

TEST_F(Prune, LetsGoWhatNobodyWantedBack) {
  make({"cache"});
  auto name = engine_name("cache");
  ASSERT_EQ(prune().code, 0);
  ASSERT_EQ(quarantined().size(), 1u);
  EXPECT_TRUE(quarantined()[0].contains("until"));
  ASSERT_EQ(brigd.stop_politely(), 0);
  auto text = *read_file(brigd.config(), 1 << 20);
  put_file(brigd.config(), text + "retention = \"1s\"\n", 0);
  brigd.start();
  eventually([&] { return quarantined().empty(); }, "its time is over");
  eventually([&] { return !std::filesystem::exists(brigd.state() / "quarantine" / name); },
             "its archive is gone");
  EXPECT_NE(brigd.brig({"volume", "restore", "cache"}).code, 0);
}

TEST_F(Prune, LosesAgainstASessionThatComesMeanwhile) {
  make_large("cache");
  make({"other"});
  auto sum = fill("cache", 24'000);
  ASSERT_EQ(brigd.stop_politely(), 0);
  set_rate("1 MiB");
  brigd.start();
  auto pruning = prune_slowly();
  eventually([&] { return stage("cache") == "archiving"; }, "it is being archived");
  // Two at a time there are none.
  auto second = prune();
  EXPECT_EQ(second.code, 73);
  EXPECT_THAT(second.err, HasSubstr("under way"));
  EXPECT_EQ(sh("cache", "md5sum /v/x").out, sum);
  EXPECT_EQ(*pruning.wait(), 0);
  std::string said(4096, '\0');
  said.resize(
      static_cast<std::size_t>(std::max<ssize_t>(0, ::read(pruning.err.get(), said.data(), said.size()))));
  EXPECT_THAT(said, HasSubstr("left cache"));
  EXPECT_EQ(stage("cache"), "");
  EXPECT_EQ(stage("other"), "quarantined");
  EXPECT_FALSE(std::filesystem::exists(brigd.state() / "quarantine" / engine_name("cache")));
}

// Wherever it is ended, a volume is whole in one of the two places, and what was begun is ended.
TEST_F(Prune, OutlivesKillsAtEveryStep) {
  make_large("cache");
  auto sum = fill("cache", 24'000);
  auto name = engine_name("cache");
  auto archive = brigd.state() / "quarantine" / name / "volume.zst";
  auto archived = [&] {
    std::error_code ec;
    auto size = std::filesystem::file_size(archive, ec);
    return ec ? 0 : size;
  };
  ASSERT_EQ(brigd.stop_politely(), 0);
  set_rate("1 MiB");
  brigd.start();
  for (std::uint64_t megabytes : {0, 2}) {
    {
      auto pruning = prune_slowly();
      eventually([&] { return stage("cache") == "archiving" && archived() >= megabytes << 20; },
                 "it is on the way");
      brigd.kill_hard();
      EXPECT_NE(*pruning.wait(), 0);
    }
    EXPECT_TRUE(std::filesystem::exists(brigd.state() / "volumes" / name / "disk.img"));
    auto before = archived();
    brigd.start();  // it goes on by itself
    eventually([&] { return archived() > before || stage("cache") != "archiving"; }, "it goes on");
    EXPECT_EQ(brigd.brig({"volume", "restore", "cache"}).code, 0);
    EXPECT_EQ(sh("cache", "md5sum /v/x").out, sum);
    eventually([&] { return plan()["cache"] == "goes"; }, "nobody has it");
  }
  ASSERT_EQ(brigd.stop_politely(), 0);
  set_rate("1 GiB");
  brigd.start();
  // Killed at any moment of a prune or of a restore, and looked at after the next start.
  for (int i = 0; i < 4; ++i) {
    bool restoring = stage("cache") == "quarantined";
    auto child = harness::Child::spawn(
        brigd.command(restoring ? std::vector<std::string>{"volume", "restore", "cache"}
                                : std::vector<std::string>{"volume", "prune", "--unused-for", "0s", "-y"}),
        piped());
    ASSERT_TRUE(child);
    if (i % 2 == 0) {
      auto now = stage("cache");
      eventually([&] { return stage("cache") != now || !child->running(); }, "it moved");
    } else {
      std::uint64_t spins = static_cast<std::uint64_t>(i) * 3'000'000;
      while (spins-- > 0 && child->running()) asm volatile("");
    }
    brigd.kill_hard();
    (void)child->wait();
    auto image = std::filesystem::exists(brigd.state() / "volumes" / name / "disk.img");
    EXPECT_TRUE(image || archived() > 0) << i;
    brigd.start();
    eventually(
        [&] {
          auto is = stage("cache");
          return is.empty() || is == "quarantined";
        },
        "it is somewhere");
    bool there = stage("cache").empty();
    EXPECT_EQ(std::filesystem::exists(brigd.state() / "volumes" / name / "disk.img"), there) << i;
    if (!there) continue;
    EXPECT_EQ(sh("cache", "md5sum /v/x").out, sum) << i;
    eventually([&] { return plan()["cache"] == "goes"; }, "nobody has it");
  }
  ASSERT_EQ(brigd.brig({"volume", "restore", "cache"}).code, 0);
  EXPECT_EQ(sh("cache", "md5sum /v/x").out, sum);
}

}  // namespace
}  // namespace brig::test
