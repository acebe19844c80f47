// What has piled up beside volumes, and prunes that nobody asks for, on a real engine: what goes is what the
// plan named, and what anybody else has there stays.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "prune_house.hpp"

namespace brig::test {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

class Gc : public testing::Test {
 protected:
  Gc() : brigd("[volumes]\nsize = \"16 MiB\"\n") {}
  ~Gc() override {
    for (const auto& what : made) (void)Engine::shared().request("DELETE", what + "?force=1");
    brigd.remove_volumes();
  }
  std::string ok(const std::vector<std::string>& words) {
    auto done = brigd.brig(words);
    EXPECT_EQ(done.code, 0) << testing::PrintToString(words) << ": " << done.err;
    return done.out;
  }
  std::string ask(const char* method, const std::string& path, const json& body = nullptr) {
    auto answer = Engine::shared().request(method, path, body.is_null() ? "" : body.dump());
    EXPECT_TRUE(answer) << path << ": " << answer.error().message;
    return answer ? *answer : "{}";
  }
  std::string container_of(const std::string& image) {
    auto id = json::parse(ask("POST", "/containers/create", {{"Image", image}, {"Cmd", {"true"}}}))["Id"];
    made.insert(made.begin(), "/containers/" + id.get<std::string>());
    return id;
  }
  // An image as an earlier build of this brigd's left it, unlike every other; nobody's if `ours` is false.
  std::string image(const std::string& what, bool ours) {
    auto installation = json::parse(ok({"version", "--json"}))["server"]["installation"];
    auto from = container_of("brig-test/busybox");
    json config{{"Cmd", {what}}, {"Labels", {{"what", what}}}};
    if (ours) {
      config["Labels"]["brig-image.installation"] = installation;
      config["Labels"]["brig-image.provider"] = "box";
    }
    auto id = json::parse(ask("POST", "/commit?container=" + from, config))["Id"].get<std::string>();
    made.push_back("/images/" + id);
    return id;
  }
  bool is_there(const std::string& image) {
    return static_cast<bool>(Engine::shared().request("GET", "/images/" + image + "/json"));
  }
  std::set<std::string> sessions() {
    std::set<std::string> out;
    for (const auto& one : brigd.sessions()) out.insert(one["name"]);
    return out;
  }
  void wait_ended(const std::string& name) {
    eventually(
        [&] {
          for (const auto& one : brigd.sessions())
            if (one["name"] == name) return one["state"] == "ended";
          return false;
        },
        name + " has ended");
  }

  Brigd brigd;
  std::vector<std::string> made;
};

TEST_F(Gc, TakesWhatIsOldAndNobodyHas) {
  ok({"run", "box", "--empty", "-n", "past", "--", "sh", "-c", "head -c 100000 /dev/urandom > /workspace/x"});
  for (const char* name : {"kept", "live"})
    ok({"run", "box", "-d", "--empty", "-n", name, "--", "sleep", "100000"});
  ok({"checkpoint", "kept", "good"});
  ok({"stop", "kept"});
  wait_ended("past");
  wait_ended("kept");
  ok({"volume", "create", "data"});
  auto old = image("old", true), held = image("held", true), called = image("called", true),
       foreign = image("foreign", false);
  container_of(held);
  ask("POST", "/images/" + called + "/tag?repo=mine&tag=keep");
  made.insert(made.begin(), "/images/mine:keep");
  auto lost = brigd.state() / "quarantine" / "brig-shared-0-lost";
  fs::create_directories(lost);
  put_file(lost / "volume.zst", "x", 0);

  // Nothing is so old yet; and a plan does nothing.
  EXPECT_THAT(json::parse(ok({"gc", "--dry-run", "--json"}))["goes"], IsEmpty());
  auto plan = json::parse(ok({"gc", "--dry-run", "--json", "--unused-for", "0s"}));
  std::map<std::string, std::string> goes, stays;
  for (const auto& one : plan["goes"]) goes[one["kind"] == "image" ? one["id"] : one["name"]] = one["kind"];
  for (const auto& one : plan["stays"])
    stays[one["kind"] == "image" ? one["id"] : one["name"]] = one["reasons"][0];
  EXPECT_EQ(goes["past"], "session");
  EXPECT_EQ(goes["good"], "checkpoint");
  EXPECT_EQ(goes[old], "image");
  EXPECT_EQ(goes["brig-shared-0-lost"], "archive");
  EXPECT_THAT(stays["kept"], HasSubstr("checkpoint"));
  EXPECT_THAT(stays[held], HasSubstr("is of it"));
  EXPECT_THAT(stays[called], HasSubstr("'mine:keep'"));
  for (const auto& untouched : {std::string("live"), foreign})
    EXPECT_EQ(goes.count(untouched) + stays.count(untouched), 0u) << untouched;
  EXPECT_EQ(sessions(), (std::set<std::string>{"past", "kept", "live"}));
  EXPECT_TRUE(is_there(old) && fs::exists(lost));
  auto used = json::parse(ok({"system", "df", "--json"}));
  std::set<std::string> kinds;
  for (const auto& one : used["brig"]) kinds.insert(one["kind"]);
  EXPECT_THAT(kinds, Contains("templates of disks"));

  // Only what is asked for, then all of it.
  ok({"gc", "-y", "--unused-for", "0s", "--kind", "image"});
  EXPECT_FALSE(is_there(old));
  EXPECT_TRUE(sessions().contains("past"));
  auto done = json::parse(ok({"gc", "-y", "--json", "--unused-for", "0s"}));
  for (const auto& step : done["steps"]) EXPECT_EQ(step["gone"], true) << step.dump();
  EXPECT_EQ(sessions(), (std::set<std::string>{"kept", "live"}));
  EXPECT_FALSE(fs::exists(lost));
  for (const auto& stayed : {held, called, foreign, std::string("brig-test/box")})
    EXPECT_TRUE(is_there(stayed)) << stayed;
  // What its checkpoint held goes now; and then there is nothing more.
  done = json::parse(ok({"gc", "-y", "--json", "--unused-for", "0s"}));
  ASSERT_EQ(done["steps"].size(), 1u) << done.dump();
  EXPECT_EQ(done["steps"][0]["name"], "kept");
  EXPECT_EQ(sessions(), std::set<std::string>{"live"});
  EXPECT_THAT(json::parse(ok({"gc", "-y", "--json", "--unused-for", "0s"}))["steps"], IsEmpty());
  // What is made anew is made anew, and who runs goes on.
  ok({"volume", "create", "more"});
  EXPECT_EQ(ok({"exec", "live", "--", "echo", "on"}), "on\n");
  EXPECT_EQ(json::parse(ok({"volume", "ls", "--json"})).size(), 2u);
}

class Rules : public Prune {
 protected:
  json rule() { return json::parse(brigd.brig({"volume", "prune", "--rules", "--json"}).out)[0]; }
  void rules(const std::string& text) {
    ASSERT_EQ(brigd.stop_politely(), 0);
    auto config = read_file(brigd.config(), 1 << 20);
    ASSERT_TRUE(config);
    put_file(brigd.config(), config->substr(0, config->find("\n[[prune]]")) + "\n" + text, 0);
    brigd.start();
  }
};

TEST_F(Rules, TellFirstThenDoIntoQuarantine) {
  make({"stale", "pinned", "used"});
  ASSERT_EQ(brigd.brig({"volume", "pin", "pinned"}).code, 0);
  const std::string base = "[[prune]]\nname = \"all\"\nunused_for = \"0s\"\nevery = \"1h\"\n";
  rules(base + "dry_run = true\n");
  eventually([&] { return rule().contains("planned"); }, "it plans");
  EXPECT_EQ(rule()["planned"]["volumes"].size(), 2u);
  EXPECT_EQ(rule()["pending"], false);
  EXPECT_EQ(list().size(), 3u);

  // Another rule, in earnest: told, and done after its notice; what was used meanwhile is left.
  auto earnest = base;
  earnest.replace(earnest.find("all"), 3, "now");
  rules(earnest + "notice = \"1h\"\n");
  eventually([&] { return rule().contains("planned"); }, "it plans");
  EXPECT_EQ(rule()["pending"], true);
  EXPECT_EQ(list().size(), 3u);
  ASSERT_EQ(sh("used", "echo x > /v/x").code, 0);
  eventually([&] { return plan()["used"] == "goes"; }, "nobody has it any more");
  brigd.kill_hard();
  brigd.start();
  EXPECT_EQ(rule()["pending"], true);
  rules(earnest + "notice = \"0s\"\n");
  eventually([&] { return rule().contains("done"); }, "it is done");
  auto done = rule()["done"];
  ASSERT_EQ(done["steps"].size(), 2u) << done.dump();
  EXPECT_THAT(done["steps"][0]["volume"].get<std::string>(), HasSubstr("stale"));
  EXPECT_EQ(done["steps"][0]["gone"], true);
  EXPECT_EQ(done["steps"][1]["gone"], false);
  EXPECT_THAT(done["steps"][1]["reason"].get<std::string>(), HasSubstr("used"));
  EXPECT_EQ(list().size(), 2u);
  EXPECT_THAT(brigd.brig({"events", "--kind", "volume"}).out, HasSubstr("volume.prune_done"));
  EXPECT_EQ(brigd.brig({"volume", "restore", "stale"}).code, 0);
  EXPECT_EQ(list().size(), 3u);
}

}  // namespace
}  // namespace brig::test
