// Services whose servers come as images: from a registry of the test's own, and of the engine alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "brigd.hpp"

namespace brig::test {
namespace {

namespace fs = std::filesystem;
using harness::Engine;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

constexpr const char* kLogin = "ana:s3same-0pen";

class ServiceImages : public testing::Test {
 protected:
  void SetUp() override {
    offer({{"team/server:1", about("one")}});
    serve();
  }
  void TearDown() override {
    for (const char* name : {"mine", "other"}) brig({"rm", name});
    brigd.remove_volumes();
    brigd.expect_nothing_left();
    silence();
    for (const auto& image : images())
      for (const char* names : {"RepoTags", "RepoDigests"})
        for (const auto& name : image.at(names))
          if (name.get<std::string>().starts_with(registry)) forget(image.at("Id").get<std::string>());
  }

  static json about(const std::string& word) {
    return {{"Entrypoint", {"/srv/server", word}},
            {"Cmd", {"of", "the", "image"}},
            {"WorkingDir", "/srv"},
            {"User", "0"},
            {"Env", {"PATH=/bin", "GREETING=hello", "HOME=/root"}}};
  }
  void offer(const json& images) { std::ofstream(brigd.dir() / "registry.json") << images; }
  void serve(std::vector<std::string> login = {}) {
    auto colon = registry.find(':');
    std::vector<std::string> command{"python3", SOURCES_DIR "/registry/registry.py",
                                     registry.substr(0, colon), registry.substr(colon + 1),
                                     (brigd.dir() / "registry.json").string()};
    command.insert(command.end(), login.begin(), login.end());
    auto child = harness::Child::spawn(std::move(command), brigd.options());
    ASSERT_TRUE(child);
    server.emplace(std::move(*child));
    auto answers = [&] {
      return harness::run({"curl", "-s", "-m", "1", "-o", "/dev/null", registry + "/v2/"})->code == 0;
    };
    eventually(answers, "the registry answers");
  }
  void silence() {
    if (!server) return;
    server->kill(SIGKILL);
    (void)server->wait();
    server.reset();
  }
  static json images() {
    auto said = Engine::shared().request("GET", "/images/json");
    EXPECT_TRUE(said);
    auto out = said ? json::parse(*said, nullptr, false) : json();
    for (auto& image : out)
      for (const char* names : {"RepoTags", "RepoDigests"})
        if (!image.contains(names) || !image[names].is_array()) image[names] = json::array();
    return out;
  }
  static void forget(const std::string& image) {
    (void)Engine::shared().request("DELETE", "/images/" + image + "?force=true");
  }

  harness::Finished brig(std::vector<std::string> args) {
    args.insert(args.begin(), "service");
    args.insert(args.end(), {"--mesh", "acme"});
    auto done = harness::run(brigd.command(std::move(args)), {}, brigd.options(), std::chrono::minutes(2));
    return done ? *done : harness::Finished{-1, "", done.error().message};
  }
  harness::Finished deploy(std::vector<std::string> more = {}, const std::string& name = "team/server:1") {
    std::vector<std::string> args{"deploy", "mine", "--image", registry + "/" + name};
    args.insert(args.end(), more.begin(), more.end());
    return brig(std::move(args));
  }
  json show() { return json::parse(brig({"show", "mine", "--json"}).out, nullptr, false); }
  std::string where() { return brig({"call", "mine", "where"}).out; }

  std::string registry = free_address();
  std::string address = free_address();
  Brigd brigd{"[api.tcp]\nlisten = \"" + address +
                  "\"\n[mesh]\nmeshes = [{ mesh = \"open\", registries = [\"" + registry + "\"] }]\n",
              {},
              {BRIG_SOURCE_DIR "/images", "brig-real", "none"}};
  std::optional<harness::Child> server;
};

TEST_F(ServiceImages, RunWhatTheySayAsWhoWeSay) {
  auto deployed = deploy({"--env", "GIVEN=a value"});
  ASSERT_EQ(deployed.code, 0) << deployed.err;
  EXPECT_THAT(deployed.out, MatchesRegex("mine running, version sha256:[0-9a-f]{12}, 1 tool\n"));
  EXPECT_EQ(where(), "one of the image in /srv as 1000 in /home/service with hello and a value\n");
  auto shown = show();
  EXPECT_EQ(shown["source_type"], "image");
  EXPECT_EQ(shown["source"]["image"], json({{"reference", registry + "/team/server:1"}}));
  EXPECT_EQ(shown["command"], json({"/srv/server", "one", "of", "the", "image"}));
  EXPECT_FALSE(shown.contains("runtime"));
  EXPECT_THAT(brig({"show", "mine"}).out, HasSubstr("image " + registry + "/team/server:1"));

  // Arguments take the place of the image's own; the same image is the same service.
  auto version = shown["version"];
  ASSERT_EQ(deploy({"--arg", "mine"}).code, 0);
  EXPECT_EQ(where(), "one mine in /srv as 1000 in /home/service with hello and nothing\n");
  EXPECT_EQ(show()["version"], version);
}

TEST_F(ServiceImages, StayAsTheyAreUntilAnUpdate) {
  ASSERT_EQ(deploy().code, 0);
  auto first = show();
  offer({{"team/server:1", about("two")}});
  ASSERT_EQ(brig({"restart", "mine"}).code, 0);
  EXPECT_THAT(where(), HasSubstr("one of"));
  auto updated = brig({"update", "mine"});
  ASSERT_EQ(updated.code, 0) << updated.err;
  EXPECT_THAT(where(), HasSubstr("two of"));
  EXPECT_NE(show()["version"], first["version"]);
  EXPECT_NE(show()["artefact"]["hash"], first["artefact"]["hash"]);
  // Nothing newer is no new version.
  auto versions = show()["versions"].size();
  ASSERT_EQ(brig({"update", "mine"}).code, 0);
  EXPECT_EQ(show()["versions"].size(), versions);

  // What somebody has removed from the engine is fetched again, just as it was.
  brigd.kill_hard();
  auto first_one = [&] {
    for (const auto& image : images()) {
      auto id = image.at("Id").get<std::string>();
      if (id.starts_with(first["version"].get<std::string>())) return id;
    }
    return std::string();
  };
  eventually(
      [&] {
        if (auto id = first_one(); !id.empty()) forget(id);
        return first_one().empty();
      },
      "the first image is gone");
  brigd.start();
  auto back = brig({"rollback", "mine"});
  ASSERT_EQ(back.code, 0) << back.err;
  EXPECT_THAT(where(), HasSubstr("one of"));

  // While its registry is away, what runs goes on, and what fails changes nothing.
  silence();
  EXPECT_NE(brig({"update", "mine"}).code, 0);
  EXPECT_THAT(where(), HasSubstr("one of"));
}

// An image may be one that brigd made itself and has replaced since.
TEST_F(ServiceImages, OfKeptVersionsAreLeftByGc) {
  auto version = brigd.brig({"version", "--json"});
  auto config = about("one");
  config["Labels"] = {{"brig-image.installation", json::parse(version.out)["server"]["installation"]},
                      {"brig-image.provider", "box"}};
  offer({{"team/server:1", config}});
  ASSERT_EQ(deploy().code, 0);
  offer({{"team/server:1", about("two")}});
  ASSERT_EQ(brig({"update", "mine"}).code, 0);
  auto plan = [&] {
    auto done = brigd.brig({"gc", "--dry-run", "--json", "--unused-for", "0s", "--kind", "image"});
    EXPECT_EQ(done.code, 0) << done.err;
    return json::parse(done.out, nullptr, false);
  };
  auto planned = plan();
  EXPECT_TRUE(planned["goes"].empty()) << planned;
  ASSERT_EQ(planned["stays"].size(), 1u) << planned;
  EXPECT_THAT(planned["stays"][0]["reasons"].dump(), HasSubstr("service 'acme/mine' runs in it"));
  ASSERT_EQ(brig({"rollback", "mine"}).code, 0);
  EXPECT_THAT(where(), HasSubstr("one of"));
  ASSERT_EQ(brig({"rm", "mine"}).code, 0);
  EXPECT_EQ(plan()["goes"].size(), 1u);
}

TEST_F(ServiceImages, OfTheEngineAloneAreThereForWhoLooksAfterIt) {
  ASSERT_EQ(deploy().code, 0);
  auto tagged = Engine::shared().request(
      "POST", "/images/" + registry + "/team/server:1/tag?repo=" + registry + "/made/here&tag=1");
  ASSERT_TRUE(tagged) << tagged.error().message;
  auto local = deploy({}, "made/here:1");
  ASSERT_EQ(local.code, 0) << local.err;
  EXPECT_THAT(where(), HasSubstr("one of"));
  silence();
  ASSERT_EQ(deploy({}, "made/here:1").code, 0);
  auto none = deploy({}, "made/nowhere:1");
  EXPECT_NE(none.code, 0);
  EXPECT_THAT(none.err, HasSubstr("made/nowhere"));
  EXPECT_THAT(where(), HasSubstr("one of"));
}

TEST_F(ServiceImages, OfMembersComeFromRegistriesThatTheirMeshMayUse) {
  // What a member of that mesh is answered.
  auto tell = [&](const std::string& mesh, const std::string& path, const json& body) {
    auto made = brigd.brig({"token", "create", "--ttl", "1h", "--mesh", mesh, "--peer", "ana"});
    auto done = harness::run({"/usr/bin/curl", "-sSk", "-X", "POST", "-H", "Content-Type: application/json",
                              "-H", "Authorization: Bearer " + made.out.substr(0, made.out.find('\n')), "-d",
                              body.dump(), "https://" + address + path},
                             {}, brigd.options(), std::chrono::minutes(2));
    return done ? done->out + done->err : done.error().message;
  };
  auto ask = [&](const std::string& mesh, const std::string& image) {
    return tell(mesh, "/v1/meshes/" + mesh + "/services",
                {{"name", "theirs"}, {"source", {{"image", {{"reference", image}}}}}});
  };
  EXPECT_THAT(ask("acme", registry + "/team/server:1"),
              AllOf(HasSubstr("denied"), HasSubstr(registry), HasSubstr("`registries` of [mesh]")));
  EXPECT_THAT(ask("open", "registry.test/team/server:1"),
              AllOf(HasSubstr("denied"), HasSubstr("registry.test")));
  EXPECT_THAT(ask("open", registry + "/team/server:1"), HasSubstr(R"("state":"running")"));
  // What the engine has, and its registry does not give to them, may be another's.
  ASSERT_TRUE(Engine::shared().request(
      "POST", "/images/" + registry + "/team/server:1/tag?repo=" + registry + "/made/here&tag=1"));
  // Nor is it theirs in a session of their own, whose image is the provider's.
  EXPECT_THAT(tell("open", "/v1/sessions", {{"provider", "shell"}, {"image", registry + "/made/here:1"}}),
              HasSubstr(R"("status":403)"));
  EXPECT_THAT(ask("open", registry + "/made/here:1"),
              AllOf(HasSubstr("manifest unknown"), HasSubstr(R"("status":404)")));

  // A registry that is not trusted any more is asked no more, also for what was deployed before.
  std::ifstream in(brigd.config());
  std::string config{std::istreambuf_iterator<char>(in), {}};
  config.replace(config.find('"' + registry + '"'), registry.size() + 2, "");
  std::ofstream(brigd.config()) << config;
  brigd.kill_hard();
  brigd.start();
  auto late = brigd.brig({"service", "update", "theirs", "--mesh", "open"});
  EXPECT_NE(late.code, 0);
  EXPECT_THAT(late.err, HasSubstr("`registries` of [mesh]"));
  EXPECT_EQ(brigd.brig({"service", "rm", "theirs", "--mesh", "open"}).code, 0);
}

TEST_F(ServiceImages, OfARegistryThatAsksAreOpenedByAKey) {
  silence();
  serve({kLogin});
  auto unopened = deploy();
  EXPECT_NE(unopened.code, 0);
  EXPECT_THAT(unopened.err, HasSubstr("team/server"));
  auto missing = deploy({"--image-key", "login"});
  EXPECT_THAT(missing.err, HasSubstr("'login'"));
  ASSERT_EQ(brigd.brig({"vault", "set", "login", "--mesh", "acme"}, kLogin).code, 0);
  auto opened = deploy({"--image-key", "login"});
  ASSERT_EQ(opened.code, 0) << opened.err;
  EXPECT_EQ(show()["source"]["image"]["auth"], "$vault:login");

  // Registries are asked with the user in a URL, which may be all of the secret.
  silence();
  serve({"elsewhere"});
  ASSERT_EQ(brigd.brig({"vault", "set", "login", "--mesh", "acme"}, "s3same-token:x").code, 0);
  auto lost = brig({"update", "mine"});
  EXPECT_NE(lost.code, 0);
  EXPECT_THAT(lost.err, AllOf(HasSubstr("127.0.0.1:1/token?"), Not(HasSubstr("s3same"))));
  for (const auto& text : {brigd.log(), show().dump(), brig({"logs", "mine"}).out})
    EXPECT_THAT(text, Not(HasSubstr("s3same")));
}

TEST_F(ServiceImages, AreRefusedByWhatIsWrongWithThem) {
  auto with = [](const char* key, const json& value) {
    auto out = about("odd");
    out[key] = value;
    return out;
  };
  auto silent = about("");
  silent.erase("Entrypoint");
  silent.erase("Cmd");
  offer({{"odd/volume:1", with("Volumes", {{"/data", json::object()}})},
         {"odd/silent:1", silent},
         {"odd/long:1", with("Cmd", json(std::vector<std::string>(100, "x")))},
         {"odd/huge:1", with("Cmd", {std::string(5000, 'x')})},
         {"odd/astray:1", with("WorkingDir", "/not/there")},
         {"odd/absent:1", with("Entrypoint", {"/not/there"})}});
  auto refused = [&](const std::string& name, const std::string& why) {
    auto done = deploy({}, "odd/" + name + ":1");
    EXPECT_NE(done.code, 0) << name;
    EXPECT_THAT(done.err, HasSubstr(why)) << name;
    EXPECT_EQ(show()["state"], "failed") << name;
  };
  refused("volume", "declares the volume '/data'");
  refused("silent", "does not say what it runs");
  refused("long", "more than 64 words");
  refused("huge", "too long words");
  refused("astray", "/not/there");
  refused("absent", "/not/there");
  auto told = deploy({"--arg", "/srv/server", "--arg", "told"}, "odd/silent:1");
  ASSERT_EQ(told.code, 0) << told.err;
  EXPECT_THAT(where(), HasSubstr("told in /srv"));
}

}  // namespace
}  // namespace brig::test
