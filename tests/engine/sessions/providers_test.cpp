// What outlives sandboxes of a provider: its configuration, per identity, on a real engine.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "brigd.hpp"
#include "core/files.hpp"

namespace brig::test {
namespace {

using harness::Engine;
using nlohmann::json;

class Providers : public testing::Test {
 protected:
  ~Providers() override {
    for (const auto& volume : volumes()) (void)Engine::shared().request("DELETE", "/volumes/" + volume);
  }

  // In a sandbox of `provider`; its output.
  std::string sh(const std::string& provider, const std::string& script, std::vector<std::string> more = {}) {
    std::vector<std::string> args = {"run", provider, "--rm", "--empty"};
    args.insert(args.end(), more.begin(), more.end());
    args.insert(args.end(), {"--", "sh", "-c", script});
    auto done = brigd.brig(args);
    EXPECT_EQ(done.code, 0) << script << "\n" << done.err;
    return done.out;
  }
  json identities(const std::string& provider) {
    auto done = brigd.brig({"identity", "ls", provider, "--json"});
    EXPECT_EQ(done.code, 0) << done.err;
    return json::parse(done.out, nullptr, false);
  }
  // Names of this brigd's volumes, as the engine lists them, in order.
  std::vector<std::string> volumes() {
    auto listed = Engine::shared().request("GET", "/volumes");
    std::vector<std::string> out;
    if (!listed) return out;
    auto all = json::parse(*listed, nullptr, false);
    for (const auto& volume : all["Volumes"])
      if (volume["Options"].is_object() &&
          volume["Options"].value("device", "").starts_with(brigd.state().string()))
        out.push_back(volume["Name"]);
    std::sort(out.begin(), out.end());
    return out;
  }
  std::filesystem::path data(const std::string& provider, int number = 1) {
    return brigd.state() / "volumes" /
           ("brig-" + provider + "-" + identities(provider)[0]["id"].get<std::string>() + "-" +
            std::to_string(number)) /
           "data";
  }
  std::string post_session(const json& body, int expected) {
    auto done = harness::run(
        {"/usr/bin/curl", "-sS", "--unix-socket", brigd.socket().string(), "-w", "\n%{http_code}", "-H",
         "Content-Type: application/json", "-d", body.dump(), "http://brig/v1/sessions"},
        {}, brigd.options());
    EXPECT_TRUE(done && done->out.ends_with(std::to_string(expected))) << (done ? done->out : "");
    return done ? done->out.substr(0, done->out.rfind('\n')) : "";
  }

  Brigd brigd;
};

TEST_F(Providers, ConfigurationIsFoundAgainByTheNextSessionOfTheSameIdentityOnly) {
  EXPECT_EQ(sh("kit",
               "echo $KIT_DIR $KIT; cat ~/.kit.json; echo one > $KIT_DIR/a; echo two > ~/.kit.json; "
               "stat -c %u:%a ~/.kit ~/.kit.json; mkdir ~/.config/other && echo mine"),
            "/home/agent/.kit yes\n{}\n1000:700\n1000:600\nmine\n");
  EXPECT_EQ(sh("kit", "cat ~/.kit/a ~/.kit.json; ls ~/.config"), "one\ntwo\nkit\n");
  EXPECT_EQ(brigd.brig({"identity", "create", "kit", "--label", "Work"}).code, 0);
  EXPECT_EQ(sh("kit", "ls ~/.kit; cat ~/.kit.json; echo three > ~/.kit/a", {"--identity", "Work"}), "{}\n");
  EXPECT_EQ(sh("kit", "cat ~/.kit/a"), "one\n");
  EXPECT_EQ(sh("kit", "cat ~/.kit/a", {"--identity", "Work"}), "three\n");
  EXPECT_NE(sh("kit", "touch ~/.config/kit/deep/x 2>&1; true").find("Read-only"), std::string::npos);
  brigd.expect_nothing_left();
}

TEST_F(Providers, ThePlainDockerClientListsVolumesAndAForeignPruneTakesNothing) {
  sh("kit", "echo kept > ~/.kit/a");
  auto names = volumes();
  ASSERT_EQ(names.size(), 3u);
  auto id = identities("kit")[0]["id"].get<std::string>();
  EXPECT_EQ(names[0], "brig-kit-" + id + "-1");
  auto one = json::parse(*Engine::shared().request("GET", "/volumes/" + names[0]));
  EXPECT_EQ(one["Driver"], "local");
  EXPECT_EQ(one["Labels"]["brig.provider"], "kit");
  EXPECT_EQ(one["Labels"]["brig.identity"], id);
  EXPECT_EQ(one["Labels"]["brig.owner"], "uid:0");
  for (const auto& name : names) ASSERT_TRUE(Engine::shared().request("DELETE", "/volumes/" + name));
  EXPECT_EQ(sh("kit", "cat ~/.kit/a"), "kept\n");
  EXPECT_EQ(volumes().size(), 3u);
}

TEST_F(Providers, FirstUseTakesOwnershipOfWhatAnOperatorPutThere) {
  auto path = data("kit");
  std::filesystem::create_directories(path / "sub");
  put_file(path / "sub" / "file", "put here\n", 0);
  std::filesystem::create_symlink("/etc/shadow", path / "link");
  EXPECT_EQ(sh("kit", "cat ~/.kit/sub/file; echo more >> ~/.kit/sub/file; stat -c %u ~/.kit/sub/file"),
            "put here\n1000\n");
  struct stat status {};
  ASSERT_EQ(::lstat("/etc/shadow", &status), 0);
  EXPECT_EQ(status.st_uid, 0u);
}

TEST_F(Providers, AGeneratedFileShadowsTheOneInTheVolumeForItsSessionAlone) {
  sh("kit", "echo original > ~/.kit/settings.json");
  auto answer = post_session(
      {{"provider", "kit"},
       {"name", "over"},
       {"args",
        {"sh", "-c",
         "cat ~/.kit/settings.json ~/.kit/new/made; touch ~/.kit/settings.json 2>&1; sleep 1000"}},
       {"overlays",
        {{{"path", "/home/agent/.kit/settings.json"}, {"content", "generated\n"}},
         {{"path", "/home/agent/.kit/new/made"}, {"content", "made\n"}}}}},
      201);
  eventually(
      [&] {
        return brigd.brig({"logs", "over"}).out.find("Read-only") != std::string::npos;
      },
      "it ran");
  EXPECT_EQ(brigd.brig({"logs", "over"}).out.substr(0, 15), "generated\nmade\n");
  EXPECT_EQ(sh("kit", "cat ~/.kit/settings.json"), "original\n");
  auto id = json::parse(answer, nullptr, false).value("id", "");
  EXPECT_TRUE(std::filesystem::exists(brigd.state() / "sessions" / id / "overlays" / "0"));
  EXPECT_EQ(brigd.brig({"stop", "over"}).code, 0);
  EXPECT_FALSE(std::filesystem::exists(brigd.state() / "sessions" / id / "overlays"));
  // What it was mounted on is gone from the volume too.
  EXPECT_EQ(sh("kit", "cat ~/.kit/settings.json; ls ~/.kit"), "original\nsettings.json\n");
}

TEST_F(Providers, WhatWouldReachElsewhereIsRefused) {
  auto refused = [&](const char* path, const char* says) {
    auto answer =
        post_session({{"provider", "kit"}, {"overlays", {{{"path", path}, {"content", "x"}}}}}, 400);
    EXPECT_NE(answer.find(says), std::string::npos) << answer;
  };
  refused("/run/brig/init", "/run");
  refused("/workspace/.git/config", "/workspace");
  refused("/etc/passwd", "/etc");
  refused("home/agent/x", "absolute");
  refused("/home/agent/../../etc/x", "absolute");
  EXPECT_NE(brigd.brig({"identity", "create", "kit", "--label", "x", "--config-dir", "/run/brig"}).code, 0);
  EXPECT_NE(brigd.brig({"run", "box", "--empty", "--identity", "x", "--", "true"}).code, 0);
  // A link that a session left where a directory must be.
  sh("kit", "ln -s /etc ~/.kit/way");
  auto through = post_session(
      {{"provider", "kit"}, {"overlays", {{{"path", "/home/agent/.kit/way/x"}, {"content", "x"}}}}}, 403);
  EXPECT_NE(through.find("stands in the way"), std::string::npos) << through;
  brigd.expect_nothing_left();
}

TEST_F(Providers, IdentitiesKeepTheirInvariants) {
  auto all = identities("kit");
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0]["label"], "Default");
  EXPECT_EQ(all[0]["is_default"], true);
  auto ref = all[0]["id"].get<std::string>();
  EXPECT_NE(brigd.brig({"identity", "rm", "kit", ref}).code, 0);  // the last one
  EXPECT_EQ(brigd.brig({"profile", "create", "kit", "--label", "Work", "--default"}).code, 0);
  EXPECT_NE(brigd.brig({"identity", "create", "kit", "--label", "Work"}).code, 0);
  all = identities("kit");
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0]["is_default"], false);
  EXPECT_EQ(all[1]["is_default"], true);
  EXPECT_NE(brigd.brig({"identity", "rm", "kit", "Work"}).code, 0);  // the default
  sh("kit", "echo x > ~/.kit/kept");
  EXPECT_EQ(brigd.brig({"identity", "update", "kit", "Default", "--default"}).code, 0);
  EXPECT_EQ(brigd.brig({"identity", "rm", "kit", "Work"}).code, 0);
  EXPECT_EQ(identities("kit").size(), 1u);
  auto kept =
      brigd.state() / "volumes" / ("brig-kit-" + all[1]["id"].get<std::string>() + "-1") / "data" / "kept";
  EXPECT_TRUE(std::filesystem::exists(kept));
  // One that is not there is the default, and one is told.
  auto fallback = brigd.brig({"run", "kit", "--rm", "--empty", "--identity", "nobody", "--", "true"});
  EXPECT_EQ(fallback.code, 0);
  EXPECT_NE(fallback.err.find("'Default', the default, is used"), std::string::npos) << fallback.err;
}

TEST_F(Providers, AnIdentityCanHaveItsConfigurationElsewhere) {
  EXPECT_EQ(
      brigd.brig({"identity", "create", "kit", "--label", "Away", "--config-dir", "/home/agent/away/kit"})
          .code,
      0);
  EXPECT_EQ(sh("kit", "echo $KIT_DIR; echo x > $KIT_DIR/f; touch ~/away/free", {"--identity", "Away"}),
            "/home/agent/away/kit\n");
  EXPECT_EQ(sh("kit", "cat $KIT_DIR/f", {"--identity", "Away"}), "x\n");
}

TEST_F(Providers, ProbingReadsWhatTheCliWroteAndShowsNoToken) {
  auto probe = [&] {
    auto done = brigd.brig({"identity", "probe", "kit"});
    EXPECT_EQ(done.code, 0) << done.err;
    EXPECT_EQ(done.out.find("s3cret"), std::string::npos);
    return done.out;
  };
  EXPECT_NE(probe().find("never used"), std::string::npos);
  sh("kit", "echo '{\"token\": \"s3cret\", \"email\": \"a@example.com\"}' > ~/.kit/auth.json");
  EXPECT_NE(probe().find("connected as a@example.com"), std::string::npos);
  sh("kit", "rm ~/.kit/auth.json; ln -s /etc/hostname ~/.kit/auth.json");
  EXPECT_NE(probe().find("not connected"), std::string::npos);
  sh("kit", "rm ~/.kit/auth.json; mkfifo ~/.kit/auth.json");
  EXPECT_NE(probe().find("not connected"), std::string::npos);
}

TEST_F(Providers, OverlaidConfigurationComesBackByRule) {
  sh("kit-overlay",
     "mkdir ~/.kit/sessions; echo old > ~/.kit/auth.json; echo no > ~/.kit/cache; echo 1 > "
     "~/.kit/sessions/1");
  EXPECT_EQ(sh("kit-overlay", "ls ~/.kit ~/.kit/sessions; cat ~/.kit/auth.json"),
            "/home/agent/.kit:\nauth.json\nsessions\n\n/home/agent/.kit/sessions:\n1\nold\n");
  // Two at a time that refresh a login: the newer one stays, whole, whichever ends first.
  for (const char* name : {"first", "second"})
    ASSERT_EQ(brigd.brig({"run", "kit-overlay", "--name", name, "--empty", "-d", "--", "sleep", "1000"}).code,
              0);
  EXPECT_EQ(brigd
                .brig({"exec", "first", "--", "sh", "-c",
                       "echo older > ~/.kit/auth.json; echo f > ~/.kit/sessions/f"})
                .code,
            0);
  EXPECT_EQ(brigd
                .brig({"exec", "second", "--", "sh", "-c",
                       "cat ~/.kit/auth.json; echo newer > ~/.kit/t; mv ~/.kit/t ~/.kit/auth.json; echo s > "
                       "~/.kit/sessions/s"})
                .out,
            "old\n");
  EXPECT_EQ(brigd.brig({"rm", "-f", "second"}).code, 0);
  EXPECT_EQ(brigd.brig({"rm", "-f", "first"}).code, 0);
  EXPECT_EQ(sh("kit-overlay", "cat ~/.kit/auth.json; ls ~/.kit/sessions; rm ~/.kit/auth.json"),
            "newer\n1\nf\ns\n");
  EXPECT_EQ(sh("kit-overlay", "ls ~/.kit"), "sessions\n");
  brigd.expect_nothing_left();
}

TEST_F(Providers, ExclusiveConfigurationWaitsItsTurn) {
  ASSERT_EQ(brigd.brig({"run", "kit-alone", "--name", "holder", "--empty", "-d", "--", "sleep", "1000"}).code,
            0);
  auto options = brigd.options();
  options.pipe_out = true;
  auto waiting = harness::Child::spawn(brigd.command({"run", "kit-alone", "--name", "waiter", "--empty",
                                                      "--rm", "--", "cat", "/home/agent/.kit/x"}),
                                       options);
  ASSERT_TRUE(waiting);
  eventually(
      [&] {
        auto all = brigd.sessions();
        return std::any_of(all.begin(), all.end(), [](const auto& s) {
          return s["name"] == "waiter" &&
                 s["reason"].template get<std::string>().find("one session at a time") != std::string::npos;
        });
      },
      "the second one waits and says why");
  // The engine and brigd may come and go meanwhile for the one that has it.
  EXPECT_EQ(brigd.brig({"exec", "holder", "--", "sh", "-c", "echo mine > ~/.kit/x"}).code, 0);
  EXPECT_EQ(brigd.brig({"rm", "-f", "holder"}).code, 0);
  auto code = waiting->wait();
  EXPECT_TRUE(code && *code == 0);
  brigd.expect_nothing_left();
}

TEST_F(Providers, WhoHasATimeLimitWaitsNoLonger) {
  ASSERT_EQ(brigd.brig({"run", "kit-alone", "--name", "holder", "--empty", "-d", "--", "sleep", "1000"}).code,
            0);
  auto waited =
      brigd.brig({"run", "kit-alone", "--name", "waiter", "--empty", "--rm", "--ttl", "1s", "--", "true"});
  EXPECT_EQ(waited.code, 69) << waited.err;
  EXPECT_NE(waited.err.find("one session at a time"), std::string::npos) << waited.err;
  EXPECT_EQ(brigd.brig({"rm", "-f", "holder"}).code, 0);
  brigd.expect_nothing_left();
}

TEST_F(Providers, ACrashTakesBackWhoWaitsAndLeavesWhoHasIt) {
  ASSERT_EQ(brigd.brig({"run", "kit-alone", "--name", "holder", "--empty", "-d", "--", "sleep", "1000"}).code,
            0);
  auto options = brigd.options();
  options.env.push_back({"BRIG_RECONNECT", "0"});
  auto waiting = harness::Child::spawn(
      brigd.command({"run", "kit-alone", "--name", "waiter", "--empty", "--", "true"}), options);
  ASSERT_TRUE(waiting);
  eventually([&] { return brigd.sessions().size() == 2; }, "the second one waits");
  brigd.kill_hard();
  (void)waiting->wait();
  brigd.start();
  eventually([&] { return brigd.sessions().size() == 1; }, "it is forgotten");
  EXPECT_EQ(brigd.brig({"exec", "holder", "--", "touch", "/home/agent/.kit/x"}).code, 0);
  EXPECT_EQ(brigd.brig({"rm", "-f", "holder"}).code, 0);
  EXPECT_EQ(sh("kit-alone", "ls ~/.kit"), "x\n");
}

TEST_F(Providers, KilledAtAnyMomentNoLoginIsLost) {
  sh("kit-overlay", "echo start > ~/.kit/auth.json");
  ASSERT_EQ(brigd.brig({"run", "kit-overlay", "--name", "long", "--empty", "-d", "--", "sleep", "1000"}).code,
            0);
  EXPECT_EQ(brigd.brig({"exec", "long", "--", "sh", "-c", "echo refreshed > ~/.kit/auth.json"}).code, 0);
  auto options = brigd.options();
  options.env.push_back({"BRIG_RECONNECT", "0"});
  auto stop = harness::Child::spawn(brigd.command({"stop", "long"}), options);
  ASSERT_TRUE(stop);
  brigd.kill_hard();
  (void)stop->wait();
  brigd.start();
  EXPECT_EQ(brigd.brig({"rm", "-f", "long"}).code, 0);
  EXPECT_EQ(sh("kit-overlay", "cat ~/.kit/auth.json"), "refreshed\n");
  brigd.expect_nothing_left();
}

}  // namespace
}  // namespace brig::test
