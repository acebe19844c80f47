// Services whose servers come from a repository that a key opens. Its host is the test's own, in brigd's
// network.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <nlohmann/json.hpp>

#include "brigd.hpp"

namespace brig::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

constexpr const char* kAddress = "93.184.215.15";  // on the loopback interface of brigd's namespace
constexpr const char* kToken = "s3same-0pen";

class Sources : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    // In a namespace with a network, for the packages.
    Brigd brigd({}, {}, {BRIG_SOURCE_DIR "/images", "brig-real", "auto"});
    auto built = harness::run(brigd.command({"image", "build", "shell", "node"}), {}, brigd.options(),
                              std::chrono::minutes(10));
    ASSERT_TRUE(built && built->code == 0) << (built ? built->err : built.error().message);
  }

  void SetUp() override {
    auto made = harness::Engine::shared().scratch("sources");
    ASSERT_TRUE(made) << made.error().message;
    dir = *made;
    shell(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=authority "
        "-keyout authority.key -out authority.crt 2>&1; "
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=host "
        "-CA authority.crt -CAkey authority.key -addext basicConstraints=CA:FALSE "
        "-addext subjectAltName=IP:" +
        std::string(kAddress) + " -keyout host.key -out host.crt 2>&1");
    brigd.emplace("", "ip link set lo up && ip addr add " + std::string(kAddress) + "/32 dev lo",
                  Images{BRIG_SOURCE_DIR "/images", "brig-real", (dir / "authority.crt").string()});
    net = "--net=/proc/" + std::to_string(brigd->pid()) + "/ns/net";
    auto child = harness::Child::spawn({"nsenter", net, "--", "python3", SOURCES_DIR "/git_server.py",
                                        kAddress, "443", dir.string(), "git:" + std::string(kToken)},
                                       brigd->options());
    ASSERT_TRUE(child);
    server.emplace(std::move(*child));
    eventually(
        [&] {
          auto done = harness::run(
              {"nsenter", net, "--", "bash", "-c", "exec 3<>/dev/tcp/" + std::string(kAddress) + "/443"});
          return done && done->code == 0;
        },
        "the repositories' host answers");
  }
  void TearDown() override {
    if (brigd) {
      brig({"rm", "tools"});
      brigd->remove_volumes();
      brigd->expect_nothing_left();
    }
    if (server) {
      server->kill(SIGKILL);
      (void)server->wait();
    }
    brigd.reset();
    std::error_code ec;
    fs::remove_all(dir, ec);
  }

  void shell(const std::string& script) {
    auto done = harness::run(
        {"bash", "-ec", "export HOME=\"$0\" GIT_CONFIG_NOSYSTEM=1; cd \"$0\"; " + script, dir.string()});
    ASSERT_TRUE(done && done->code == 0) << (done ? done->out + done->err : done.error().message);
  }
  // A bare repository made by this script in a work tree, which stays.
  std::string repository(const std::string& name, const std::string& script) {
    shell("mkdir -p " + name + "; cd " + name + "; git init -q -b main .; " + script +
          "; git add -A -f; git -c user.name=t -c user.email=t@example.com commit -q -m change; cd ..; rm "
          "-rf " +
          name + ".git; git clone -q --bare " + name + " " + name + ".git");
    return "https://" + std::string(kAddress) + "/" + name + ".git";
  }
  harness::Finished brig(std::vector<std::string> args) {
    args.insert(args.begin(), "service");
    args.insert(args.end(), {"--mesh", "acme"});
    auto done = harness::run(brigd->command(std::move(args)), {}, brigd->options(), std::chrono::minutes(5));
    return done ? *done : harness::Finished{-1, "", done.error().message};
  }
  std::string said(const std::string& name) {
    return brig({"call", "tools", "variable", json({{"name", name}}).dump()}).out;
  }

  fs::path dir;
  std::optional<Brigd> brigd;
  std::optional<harness::Child> server;
  std::string net;
};

TEST_F(Sources, AreRepositoriesThatAKeyOpens) {
  auto url = repository("tools", "cp " SERVER_DIR "/index.mjs " SERVER_DIR
                                 "/package.json .; mkdir node_modules; touch node_modules/.keep");
  auto unopened = brig({"deploy", "tools", "--git", url});
  EXPECT_NE(unopened.code, 0);
  EXPECT_THAT(unopened.err, HasSubstr("could not read Username"));
  auto missing = brig({"deploy", "tools", "--git", url, "--git-key", "token"});
  EXPECT_NE(missing.code, 0);
  EXPECT_THAT(missing.err, HasSubstr("'token'"));
  auto state = [&] { return json::parse(brig({"show", "tools", "--json"}).out, nullptr, false)["state"]; };
  EXPECT_EQ(state(), "failed");
  ASSERT_EQ(brigd->brig({"vault", "set", "token", "--mesh", "acme"}, "wrong").code, 0);
  auto wrong = brig({"deploy", "tools", "--git", url, "--git-key", "token"});
  EXPECT_NE(wrong.code, 0);
  EXPECT_THAT(wrong.err, HasSubstr("Authentication failed"));
  ASSERT_EQ(brigd->brig({"vault", "set", "token", "--mesh", "acme"}, kToken).code, 0);
  auto done = brig({"deploy", "tools", "--git", url, "--git-key", "token"});
  ASSERT_EQ(done.code, 0) << done.err;
  EXPECT_THAT(done.out, MatchesRegex("tools running, version 1.2.3 at [0-9a-f]{12}, 11 tools\n"));

  // What opened the repository is not the server's, nor is anything of git's.
  EXPECT_EQ(said("GIT_PASSWORD"), "unset\n");
  auto shown = json::parse(brig({"show", "tools", "--json"}).out, nullptr, false);
  EXPECT_EQ(shown["source"]["git"], json({{"url", url}, {"auth", "$vault:token"}}));
  EXPECT_THAT(brigd->log(), Not(HasSubstr(kToken)));
  eventually([&] { return brigd->sessions().size() == 1; }, "what it was built in is gone");

  // An update takes what is newest; a commit that changes nothing in the tree is the same artefact.
  shell(
      "cd tools; git -c user.name=t -c user.email=t@example.com commit -q --allow-empty -m none; cd ..; rm "
      "-rf "
      "tools.git; git clone -q --bare tools tools.git");
  auto same = brig({"update", "tools", "--json"});
  auto updated = json::parse(same.out, nullptr, false);
  EXPECT_EQ(updated["artefact"], shown["artefact"]) << same.err;
  EXPECT_NE(updated["version"], shown["version"]);

  // Without its key there is no newer one, and what runs is left alone.
  ASSERT_EQ(brigd->brig({"vault", "rm", "token", "--mesh", "acme"}).code, 0);
  auto keyless = brig({"update", "tools"});
  EXPECT_NE(keyless.code, 0);
  EXPECT_THAT(keyless.err, HasSubstr("'token'"));
  EXPECT_EQ(state(), "running");
}

TEST_F(Sources, RefuseRepositoriesByWhatIsWrongWithThem) {
  auto refused = [&](std::vector<std::string> args, const std::string& why) {
    args.insert(args.begin(), {"deploy", "tools"});
    auto done = brig(std::move(args));
    EXPECT_NE(done.code, 0) << why;
    EXPECT_THAT(done.err, HasSubstr(why));
  };
  ASSERT_EQ(brigd->brig({"vault", "set", "token", "--mesh", "acme"}, kToken).code, 0);
  const std::string host = "https://" + std::string(kAddress);
  refused({"--git", "file:///etc"}, "must begin with https://");
  refused({"--git", host + "/x.git", "--ref", "--upload-pack=x"}, "begins with '-'");
  refused({"--git", "https://me:s3cret@" + std::string(kAddress) + "/x.git"}, "leave it out");
  refused({"--git", "http://" + std::string(kAddress) + "/x.git", "--git-key", "token"}, "by https://");
  refused({"--git", host + "/x.git", "--npm", "x"}, "must be said once");
  refused({"--npm", "x", "--ref", "v1"}, "--ref goes with --git only");
  refused({"--git", host + "/none.git", "--git-key", "token"}, "not found");
  auto odd = repository("odd", "mkdir package.json; touch package.json/x");
  refused({"--git", odd, "--git-key", "token"}, "'package.json' is not a plain file");
  auto pipe = repository("links", "ln -s /etc/passwd index.js");
  refused({"--git", pipe, "--git-key", "token"}, "nothing to start");
}

}  // namespace
}  // namespace brig::test
