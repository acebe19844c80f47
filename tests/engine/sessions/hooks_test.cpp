// Providers declared over the API by a plain HTTP client, and the operator's prepare hooks.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "brigd.hpp"
#include "core/files.hpp"
#include "core/text.hpp"

namespace brig::test {
namespace {

using harness::Engine;
using nlohmann::json;
namespace fs = std::filesystem;

// What the hook does is in the file `answer`, a shell script; what it was asked is appended to `calls`.
const char* kHook =
    "#!/bin/sh\n"
    "dir=$(dirname \"$0\")\n"
    "input=$(cat)\n"
    "echo \"$1 $input\" >> \"$dir/calls\"\n"
    "[ \"$1\" = cleanup ] && [ -e \"$dir/cleanup\" ] && . \"$dir/cleanup\"\n"
    "[ \"$1\" = prepare ] && . \"$dir/answer\"\n"
    "exit 0\n";

class Hooks : public testing::Test {
 protected:
  explicit Hooks(const std::string& deadline = "30s") {
    auto scratch = Engine::shared().scratch("hook");
    EXPECT_TRUE(scratch);
    dir = *scratch;
    auto written = write_file(dir / "hook", kHook, 0755);
    EXPECT_TRUE(written);
    brigd.emplace("[[provider]]\nid = \"plugin\"\nprepare = \"" + (dir / "hook").string() +
                  "\"\nprepare_deadline = \"" + deadline + "\"\n");
    answer(R"(printf '%s\n' '{"extraMounts": [], "cleanup": {"token": 7}}')");
    auto put = curl("PUT", "/v1/providers/plugin",
                    {{"title", "A host's plugin"},
                     {"image", "brig-test/busybox"},
                     {"binary", "sh"},
                     {"args_are_command", true},
                     {"profile_env", "PLUGIN_DIR"},
                     {"config",
                      {{{"path", "/home/agent/.plugin"}, {"read_only", false}},
                       {{"path", "/home/agent/.plugin.json"},
                        {"file", true},
                        {"initial", "{}"},
                        {"read_only", false}}}}});
    EXPECT_EQ(put.first, 200) << put.second;
  }
  ~Hooks() override {
    auto listed = Engine::shared().request("GET", "/volumes");
    auto state = brigd->state().string();
    brigd.reset();
    auto all = listed ? json::parse(*listed, nullptr, false) : json::object();
    if (all.contains("Volumes"))
      for (const auto& volume : all["Volumes"])
        if (volume["Options"].is_object() && volume["Options"].value("device", "").starts_with(state))
          (void)Engine::shared().request("DELETE", "/volumes/" + volume["Name"].get<std::string>());
    std::error_code ec;
    fs::remove_all(dir, ec);
  }

  std::pair<int, std::string> curl(const std::string& method, const std::string& path, const json& body) {
    std::vector<std::string> args = {"/usr/bin/curl", "-sS", "--unix-socket",  brigd->socket().string(), "-X",
                                     method,          "-w",  "\n%{http_code}", "http://brig" + path};
    if (!body.is_null()) args.insert(args.end(), {"-H", "Content-Type: application/json", "-d", body.dump()});
    auto done = harness::run(args, {}, brigd->options());
    if (!done) return {0, done.error().message};
    auto cut = done->out.rfind('\n');
    return {std::atoi(done->out.c_str() + cut + 1), done->out.substr(0, cut)};
  }
  void answer(const std::string& script) { std::ofstream(dir / "answer") << script << "\n"; }
  // The hook's calls of one kind.
  std::vector<std::string> calls(const std::string& verb) {
    auto text = read_file(dir / "calls", 1 << 20);
    std::vector<std::string> out;
    if (!text) return out;
    for (auto line : split(*text, '\n'))
      if (line.starts_with(verb + " ")) out.emplace_back(line.substr(verb.size() + 1));
    return out;
  }
  harness::Finished run(std::vector<std::string> command) {
    std::vector<std::string> args = {"run", "plugin", "--rm", "--empty", "--"};
    args.insert(args.end(), command.begin(), command.end());
    return brigd->brig(args);
  }
  std::size_t cleanups_eventually(std::size_t expected) {
    eventually([&] { return calls("cleanup").size() >= expected; }, "the hook cleans up");
    return calls("cleanup").size();
  }

  fs::path dir;
  std::optional<Brigd> brigd;
};

TEST_F(Hooks, MountsComeAfterTheConfigurationAndCleanupRunsOnce) {
  EXPECT_EQ(run({"sh", "-c", "echo original > ~/.plugin/settings.json"}).code, 0);
  EXPECT_EQ(cleanups_eventually(1), 1u);
  answer(R"(printf '%s\n' '{"extraMounts": [
    {"content": "sanitised\n", "containerPath": "/home/agent/.plugin/settings.json"},
    {"volumeName": "plugin-shared", "containerPath": "/home/agent/shared", "readOnly": false}],
    "cleanup": {"token": 7}}')");
  auto done = run({"sh", "-c",
                   "echo $PLUGIN_DIR; cat ~/.plugin/settings.json; echo x > ~/shared/x; "
                   "touch ~/.plugin/settings.json 2>/dev/null || echo read-only"});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.out, "/home/agent/.plugin\nsanitised\nread-only\n");
  EXPECT_EQ(cleanups_eventually(2), 2u);
  auto asked = json::parse(calls("prepare").back(), nullptr, false);
  auto cleaned = json::parse(calls("cleanup").back(), nullptr, false);
  EXPECT_EQ(asked["sessionId"], cleaned["sessionId"]);
  EXPECT_TRUE(asked["projectPath"].is_null());
  EXPECT_EQ(cleaned["cleanup"], json({{"token", 7}}));
  answer("echo '{}'");
  EXPECT_EQ(run({"sh", "-c", "cat ~/.plugin/settings.json"}).out, "original\n");
  EXPECT_EQ(calls("cleanup").size(), 2u);  // none was asked for
  brigd->expect_nothing_left();
}

TEST_F(Hooks, AFailingSpawnIsCleanedUpToo) {
  auto done = run({"no-such-program"});
  EXPECT_NE(done.code, 0);
  EXPECT_EQ(cleanups_eventually(1), 1u);
  // And what the policy refuses after the hook has done its part.
  answer(
      R"(printf '%s\n' '{"extraMounts": [{"volumeName": "plugin-x", "containerPath": "/home/agent/.plugin.json"}], "cleanup": 1}')");
  (void)run({"true"});
  EXPECT_EQ(cleanups_eventually(2), 2u);
  brigd->expect_nothing_left();
}

TEST_F(Hooks, WhateverGoesWrongInAHookIsACleanFailureOfTheSpawn) {
  struct Case {
    const char* script;
    const char* says;
  };
  const Case cases[] = {
      {"echo it is the wrong day >&2; exit 3", "it is the wrong day"},
      {"echo rubbish", "rubbish"},
      {"exit 0", "printed nothing"},
      {"head -c 1000000000 /dev/zero", "hook"},
      {"kill -9 $$", "hook"},
      {R"(printf '%s\n' '{"extraMount": []}')", "did you mean 'extraMounts'?"},
      {R"(printf '%s\n' '{"extraMounts": [{"content": "x", "containerPath": "/etc/passwd"}]}')", "/etc"},
      {R"(printf '%s\n' '{"extraMounts": [{"content": "x", "containerPath": "/run/brig/init"}]}')", "/run"},
      {R"(printf '%s\n' '{"extraMounts": [{"content": "x", "containerPath": "a/b"}]}')", "absolute"},
      {R"(printf '%s\n' '{"extraMounts": [{"content": "x", "containerPath": "/home/agent/../x"}]}')",
       "absolute"},
      {R"(printf '%s\n' '{"extraMounts": [{"volumeName": "../x", "containerPath": "/home/agent/x"}]}')",
       "../x"},
      {R"(printf '%s\n' '{"extraMounts": [{"volumeName": "v1", "content": "x", "containerPath": "/home/agent/x"}]}')",
       "one of"},
  };
  for (const auto& one : cases) {
    answer(one.script);
    auto done = run({"true"});
    EXPECT_GE(done.code, 64) << one.script << done.out;
    EXPECT_NE(done.err.find(one.says), std::string::npos) << one.script << "\n" << done.err;
  }
  EXPECT_TRUE(calls("cleanup").empty());
  EXPECT_TRUE(brigd->sessions().empty());
  brigd->expect_nothing_left();
}

class HooksInAHurry : public Hooks {
 protected:
  HooksInAHurry() : Hooks("1s") {}
};

TEST_F(HooksInAHurry, OneThatTakesTooLongIsACleanFailureToo) {
  answer("sleep 1000");
  auto done = run({"true"});
  EXPECT_GE(done.code, 64) << done.out;
  EXPECT_NE(done.err.find("hook"), std::string::npos) << done.err;
  EXPECT_TRUE(calls("cleanup").empty());
  EXPECT_TRUE(brigd->sessions().empty());
  brigd->expect_nothing_left();
}

TEST_F(Hooks, AVolumeThatIsNotOursIsRefusedByName) {
  ASSERT_TRUE(Engine::shared().request("POST", "/volumes/create", R"({"Name": "somebody-elses"})"));
  answer(
      R"(printf '%s\n' '{"extraMounts": [{"volumeName": "somebody-elses", "containerPath": "/home/agent/x"}], "cleanup": 1}')");
  auto done = run({"true"});
  EXPECT_GE(done.code, 64);
  EXPECT_NE(done.err.find("'somebody-elses'"), std::string::npos) << done.err;
  EXPECT_EQ(cleanups_eventually(1), 1u);
  (void)Engine::shared().request("DELETE", "/volumes/somebody-elses");
}

TEST_F(Hooks, ACleanupThatFailsIsLoggedAndHoldsNothingUp) {
  std::ofstream(dir / "cleanup") << "echo cannot tidy >&2; exit 1\n";
  EXPECT_EQ(run({"true"}).code, 0);
  EXPECT_EQ(cleanups_eventually(1), 1u);
  brigd->expect_nothing_left();
  EXPECT_NE(brigd->log().find("cannot tidy"), std::string::npos);
}

TEST_F(Hooks, KilledWhileASessionRunsItIsCleanedUpOnceAllTheSame) {
  ASSERT_EQ(brigd->brig({"run", "plugin", "--name", "long", "--empty", "-d", "--", "sleep", "1000"}).code, 0);
  brigd->kill_hard();
  brigd->start();
  EXPECT_TRUE(calls("cleanup").empty());
  EXPECT_EQ(brigd->brig({"rm", "-f", "long"}).code, 0);
  EXPECT_EQ(calls("cleanup").size(), 1u);
  brigd->expect_nothing_left();
}

TEST_F(Hooks, KilledWhileTheHookIsAskedItMayTidyUpWhatItBegan) {
  answer("touch \"$dir/begun\"; until [ -e \"$dir/go\" ]; do sleep 0.1; done; echo '{\"cleanup\": 1}'");
  auto options = brigd->options();
  options.env.push_back({"BRIG_RECONNECT", "0"});
  auto starting = harness::Child::spawn(
      brigd->command({"run", "plugin", "--name", "half", "--empty", "-d", "--", "true"}), options);
  ASSERT_TRUE(starting);
  eventually([&] { return fs::exists(dir / "begun"); }, "the hook has begun");
  brigd->kill_hard();
  std::ofstream(dir / "go") << "\n";  // nobody hears what it says
  (void)starting->wait();
  brigd->start();
  EXPECT_EQ(cleanups_eventually(1), 1u);
  EXPECT_TRUE(json::parse(calls("cleanup")[0], nullptr, false)["cleanup"].is_null());
  eventually([&] { return brigd->sessions().empty(); }, "it was never acknowledged, so it is taken back");
  brigd->expect_nothing_left();
}

TEST_F(Hooks, DeclaredProvidersOutliveBrigdAndAreNoBuiltInOnes) {
  EXPECT_EQ(run({"sh", "-c", "echo kept > ~/.plugin/a; cat ~/.plugin.json"}).out, "{}");
  brigd->kill_hard();
  brigd->start();
  EXPECT_EQ(run({"cat", "/home/agent/.plugin/a"}).out, "kept\n");
  EXPECT_EQ(curl("PUT", "/v1/providers/box", {{"title", "x"}}).first, 409);
  EXPECT_EQ(curl("DELETE", "/v1/providers/box", nullptr).first, 409);
  auto nonsense = curl("PUT", "/v1/providers/other", {{"title", "x"}, {"binry", "sh"}});
  EXPECT_EQ(nonsense.first, 400);
  EXPECT_NE(nonsense.second.find("did you mean 'binary'?"), std::string::npos) << nonsense.second;
  // Without an image it declares no sandbox.
  EXPECT_EQ(curl("PUT", "/v1/providers/bare", {{"title", "x"}}).first, 200);
  auto bare = brigd->brig({"run", "bare", "--empty"});
  EXPECT_NE(bare.code, 0);
  EXPECT_NE(bare.err.find("declares no sandbox"), std::string::npos) << bare.err;
  EXPECT_EQ(curl("DELETE", "/v1/providers/plugin", nullptr).first, 204);
  EXPECT_NE(run({"true"}).code, 0);
}

TEST_F(Hooks, ThePathOfTheHostsOwnCliIsRewritten) {
  auto create = [&](const char* binary) {
    return curl("POST", "/v1/sessions",
                {{"provider", "plugin"},
                 {"binary", binary},
                 {"args", {"sh", "-c", "exit 0"}},
                 {"remove_when_ended", true}})
        .first;
  };
  EXPECT_EQ(create("/Users/x/.local/bin/plugin"), 201);
  EXPECT_EQ(create("sh"), 201);
  EXPECT_EQ(create("../sh"), 400);
  auto other = curl("POST", "/v1/sessions",
                    {{"provider", "plugin"}, {"image", "brig-test/box:latest"}, {"args", {"true"}}});
  EXPECT_EQ(other.first, 201) << other.second;
  EXPECT_EQ(json::parse(other.second, nullptr, false)["image"], "brig-test/box:latest");
  EXPECT_EQ(curl("POST", "/v1/sessions", {{"provider", "plugin"}, {"image", "no/such:image"}}).first, 404);
}

}  // namespace
}  // namespace brig::test
