// MCP servers in a mesh, from brig to the server's process and back, and what kill -9 does to them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <future>
#include <nlohmann/json.hpp>

#include "services_house.hpp"

namespace brig::test {
namespace {

namespace fs = std::filesystem;
using harness::Engine;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class Services : public ServicesHouse {};

TEST_F(Services, RunFromADirectoryUntilTheyAreRemoved) {
  ASSERT_EQ(brigd.brig({"vault", "set", "the-key", "--mesh", "acme"}, "sesame").code, 0);
  deploy({"--env", "PLAIN=some value", "--env", "KEY=$vault:the-key", "--memory", "256M"});
  EXPECT_EQ(call("echo", {{"message", "hi"}}).out, "hi\n");
  EXPECT_EQ(call("variable", {{"name", "PLAIN"}}).out, "some value\n");
  EXPECT_EQ(call("variable", {{"name", "KEY"}}).out, "sesame\n");

  // Who did so, and with which key, is written down within moments; what was said is not.
  std::string audit;
  eventually(
      [&] {
        audit = brigd.brig({"audit", "ls", "--mesh", "acme", "--json"}).out;
        auto entries = json::parse(audit, nullptr, false);
        return entries.is_array() && std::count_if(entries.begin(), entries.end(), [](const json& entry) {
                                       return entry["event"] == "tool.called";
                                     }) == 3;
      },
      "all calls are in the audit");
  EXPECT_THAT(audit, AllOf(HasSubstr("vault.set"), HasSubstr("service.deploy.done"), HasSubstr("secret.used"),
                           HasSubstr("the-key")));
  EXPECT_THAT(audit, AllOf(Not(HasSubstr("sesame")), Not(HasSubstr("some value")), Not(HasSubstr("PLAIN"))));
  EXPECT_EQ(brigd.brig({"audit", "verify", "--mesh", "acme"}).code, 0);

  auto shown = show("mine");
  EXPECT_EQ(shown["server"]["name"], "by-hand");
  EXPECT_EQ(shown["config"]["env"], json({{"KEY", "$vault:the-key"}, {"PLAIN", nullptr}}));
  EXPECT_EQ(shown["config"]["memory_mb"], 256);
  EXPECT_EQ(shown["runtime"], "node");
  auto tools = json::parse(brig({"tools", "mine", "exit"}).out, nullptr, false);
  EXPECT_EQ(tools["annotations"]["destructiveHint"], true) << tools;

  EXPECT_EQ(call("mutter").out, "done\n");
  EXPECT_THAT(logs(), HasSubstr("this is no message"));
  EXPECT_THAT(logs(), HasSubstr("this is an error line"));
  EXPECT_THAT(logs(), Not(HasSubstr("jsonrpc")));
  EXPECT_THAT(logs(), HasSubstr("it was given [KEY]"));
  EXPECT_THAT(logs(), Not(HasSubstr("sesame")));

  // What it is made of cannot be changed by it; what it keeps stays.
  EXPECT_NE(call("write_own_code").code, 0);
  EXPECT_EQ(said("remember", {{"note", "one"}}), "kept\n");
  auto before = said("instance");
  ASSERT_EQ(brig({"restart", "mine"}).code, 0);
  EXPECT_NE(said("instance"), before);
  EXPECT_EQ(said("recall"), "one\n\n");

  // An equal one shares what was built.
  auto twin = brig({"deploy", "twin", "--dir", server("again").string()});
  ASSERT_EQ(twin.code, 0) << twin.err;
  EXPECT_EQ(show("twin")["artefact"], show("mine")["artefact"]);

  // A change comes with an update, into the same home.
  std::ofstream(brigd.dir() / "server/package.json", std::ios::trunc)
      << R"({"version": "1.3.0", "type": "module", "main": "index.mjs"})";
  auto updated = brig({"update", "mine"});
  EXPECT_EQ(updated.out, "mine running, version 1.3.0, 11 tools\n") << updated.err;
  EXPECT_EQ(said("recall"), "one\n\n");
  EXPECT_NE(show("twin")["artefact"], show("mine")["artefact"]);

  ASSERT_EQ(brig({"stop", "mine"}).code, 0);
  auto refused = call("echo", {{"message", "hi"}});
  EXPECT_NE(refused.code, 0);
  EXPECT_THAT(refused.err, HasSubstr("is stopped"));
  brigd.kill_hard();
  brigd.start();
  EXPECT_EQ(state("mine"), "stopped");
  EXPECT_EQ(brig({"rm", "mine", "twin"}).code, 0);
  EXPECT_TRUE(list().empty());
}

TEST_F(Services, OutliveBrigdAndTheirOwnDeath) {
  deploy();
  auto instance = said("instance");
  auto waiting = harness::Child::spawn(
      brigd.command({"service", "call", "mine", "silence", "--mesh", "acme"}), brigd.options());
  ASSERT_TRUE(waiting);
  brigd.kill_hard();
  auto ended = waiting->wait();
  EXPECT_TRUE(ended && *ended != 0);
  brigd.start();
  EXPECT_EQ(said("instance"), instance);  // it never noticed

  brigd.stop_politely();
  brigd.start();
  EXPECT_EQ(said("instance"), instance);

  auto cut = call("exit", {{"code", 3}});
  EXPECT_NE(cut.code, 0);
  EXPECT_THAT(cut.err, HasSubstr("exited with code 3"));
  EXPECT_NE(said("instance"), instance);
  EXPECT_THAT(logs(), HasSubstr("exited with code 3"));

  // Its sandbox, from outside.
  instance = said("instance");
  auto killed = Engine::shared().request(
      "POST", "/containers/" + container_of(show("mine")["session"]) + "/kill?signal=KILL");
  ASSERT_TRUE(killed) << killed.error().message;
  EXPECT_NE(said("instance"), instance);

  // Ended while nobody looked.
  instance = said("instance");
  auto container = container_of(show("mine")["session"]);
  brigd.kill_hard();
  (void)Engine::shared().request("POST", "/containers/" + container + "/kill?signal=KILL");
  brigd.start();
  EXPECT_NE(said("instance"), instance);
}

TEST_F(Services, StandStillUntilTheyAreCalled) {
  deploy({"--idle", "1s"});
  auto instance = said("instance");
  auto stands_still = [&] {
    auto seen =
        Engine::shared().request("GET", "/containers/" + container_of(show("mine")["session"]) + "/json");
    return seen && json::parse(*seen)["State"]["Paused"] == true;
  };
  eventually([&] { return state("mine") == "paused"; }, "nobody uses it");
  EXPECT_TRUE(stands_still());
  EXPECT_EQ(show("mine")["config"]["idle"], "1s");
  EXPECT_EQ(said("instance"), instance);

  eventually([&] { return state("mine") == "paused"; }, "nobody uses it any more");
  brigd.kill_hard();
  brigd.start();
  EXPECT_EQ(said("instance"), instance);

  // By hand, but not from under somebody; and what is paused can be ended.
  auto waiting = harness::Child::spawn(
      brigd.command({"service", "call", "mine", "silence", "--mesh", "acme"}), brigd.options());
  ASSERT_TRUE(waiting);
  eventually(
      [&] {
        return brig({"pause", "mine"}).err.find("waits for an answer") != std::string::npos;
      },
      "it is being called");
  // A pause before that call was no error; then it is what wakes it.
  eventually([&] { return state("mine") == "running"; }, "it is awake");
  EXPECT_FALSE(stands_still());
  waiting->kill(SIGKILL);
  eventually([&] { return brig({"pause", "mine"}).code == 0; }, "nobody waits any more");
  EXPECT_EQ(state("mine"), "paused");
  ASSERT_EQ(brig({"stop", "mine"}).code, 0);
  auto refused = brig({"pause", "mine"});
  EXPECT_NE(refused.code, 0);
  EXPECT_THAT(refused.err, HasSubstr("is stopped"));
}

TEST_F(Services, ComeBackWithTheEngine) {
  deploy();
  auto pid = Engine::shared().daemon_pid();
  ASSERT_TRUE(pid);
  ::kill(*pid, SIGKILL);
  ASSERT_TRUE(Engine::shared().wait_ready());
  EXPECT_EQ(said("echo", {{"message", "back"}}), "back\n");
}

TEST_F(Services, AreGivenUpAfterFiveTries) {
  deploy();
  EXPECT_NE(call("breakdown").code, 0);
  eventually([&] { return state("mine") == "crashed"; }, "it is given up");
  auto shown = show("mine");
  EXPECT_EQ(shown["restarts"], 5);
  EXPECT_THAT(shown["reason"].get<std::string>(), HasSubstr("exited with code 9; it wrote: I am broken"));
  auto refused = call("echo");
  EXPECT_NE(refused.code, 0);
  EXPECT_THAT(refused.err, HasSubstr("is crashed"));
  EXPECT_NE(brig({"restart", "mine"}).code, 0);
  EXPECT_EQ(state("mine"), "failed");
}

// A package of the registry, as people have it.
TEST_F(Services, RunFromNpm) {
  auto done = brig({"deploy", "ev", "--npm", "@modelcontextprotocol/server-everything"});
  ASSERT_EQ(done.code, 0) << done.err << logs("ev");
  EXPECT_THAT(done.out, HasSubstr("ev running, version "));
  EXPECT_THAT(call("echo", {{"message", "hi"}}, "ev").out, HasSubstr("hi"));
  auto wrong = call("echo", {{"message", 7}}, "ev");
  EXPECT_EQ(wrong.code, 1) << wrong.out << wrong.err;  // the server's own word

  auto none = brig({"deploy", "none", "--npm", "@brig-test/there-is-no-such-package"});
  EXPECT_NE(none.code, 0);
  EXPECT_THAT(none.err, HasSubstr("E404"));
  EXPECT_EQ(state("none"), "failed");
  auto bin = brig({"deploy", "ev", "--npm", "@modelcontextprotocol/server-everything", "--bin", "other"});
  EXPECT_NE(bin.code, 0);
  EXPECT_THAT(bin.err, HasSubstr("mcp-server-everything"));
  // What failed to replace it took nothing away.
  EXPECT_THAT(call("echo", {{"message", "still"}}, "ev").out, HasSubstr("still"));
}

TEST_F(Services, AreMadeWholeThoughBrigdIsKilledMeanwhile) {
  auto dir = server();
  auto deploying = harness::Child::spawn(
      brigd.command({"service", "deploy", "mine", "--dir", dir.string(), "--mesh", "acme"}), brigd.options());
  ASSERT_TRUE(deploying);
  eventually([&] { return !list().empty(); }, "the wish is written down");
  brigd.kill_hard();
  EXPECT_TRUE(deploying->wait());  // told or cut off, as it comes
  brigd.start();
  EXPECT_EQ(said("echo", {{"message", "here"}}), "here\n");
}

// Whoever asked goes away in the middle: it is made, and the audit says so.
TEST_F(Services, AreMadeAndToldOfThoughNobodyWaits) {
  auto dir = server();
  auto deploying = harness::Child::spawn(
      brigd.command({"service", "deploy", "mine", "--dir", dir.string(), "--mesh", "acme"}), brigd.options());
  ASSERT_TRUE(deploying);
  eventually([&] { return !list().empty(); }, "the wish is written down");
  deploying->kill(SIGKILL);
  EXPECT_TRUE(deploying->wait());
  EXPECT_EQ(said("echo", {{"message", "here"}}), "here\n");
  auto told = [&] { return brigd.brig({"audit", "ls", "--mesh", "acme", "--json"}).out; };
  eventually([&] { return told().find("service.deploy.done") != std::string::npos; },
             "the audit tells of it");
}

TEST_F(Services, RefuseWhatIsWrongByItsName) {
  auto refused = [&](std::vector<std::string> args, const std::string& why) {
    auto done = brig(std::move(args));
    EXPECT_NE(done.code, 0) << why;
    EXPECT_THAT(done.err, HasSubstr(why));
  };
  auto dir = server().string();
  auto deaf = brigd.project("deaf");
  put_file(deaf / "index.js", "setInterval(() => {}, 1000)");
  auto unheard = std::async(std::launch::async, [&] {
    return brig({"deploy", "deaf", "--dir", deaf.string()});
  });
  refused({"deploy", "../up", "--dir", dir}, "'../up'");
  refused({"deploy", "mine", "--npm", "file:../../etc"}, "no package's name");
  refused({"deploy", "mine", "--npm", "name@git+https://x"}, "neither a version");
  refused({"deploy", "mine", "--dir", dir, "--env", "A=x$vault:key"}, "in its middle");
  refused({"deploy", "mine", "--dir", dir, "--env", "A=$vault:key"}, "'key'");
  refused({"deploy", "mine", "--dir", dir, "--arg", "$vault:key"}, "arguments are seen by everybody");
  refused({"deploy", "mine", "--dir", "/nowhere/at/all"}, "/nowhere/at/all");
  EXPECT_EQ(state("mine"), "failed");
  ASSERT_EQ(brig({"rm", "mine"}).code, 0);
  refused({"show", "mine"}, "has no service");

  auto odd = brigd.project("odd");
  fs::create_directory(odd / "package.json");
  refused({"deploy", "odd", "--dir", odd.string()}, "'package.json' is not a plain file");
  auto bun = brigd.project("bun");
  put_file(bun / "bunfig.toml", "");
  refused({"deploy", "bun", "--dir", bun.string()}, "nothing to start");
  auto mute = brigd.project("mute");
  put_file(mute / "index.js", "console.error('no key, no service'); process.exit(7)");
  refused({"deploy", "mute", "--dir", mute.string()}, "exited with code 7; it wrote: no key, no service");
  EXPECT_EQ(state("mute"), "failed");

  deploy();
  refused({"call", "mine", "ecko"}, "did you mean 'echo'");
  refused({"call", "mine", "echo", "[1]"}, "no JSON object");
  refused({"call", "mine", "silence", "--timeout", "300ms"}, "did not answer tools/call in time");
  EXPECT_EQ(call("twice").out, "twice\n");
  EXPECT_EQ(call("echo", {{"message", "fine"}}).out, "fine\n");
  auto session = show("mine")["session"].get<std::string>();
  auto taken = brigd.brig({"rm", "--force", session});
  EXPECT_NE(taken.code, 0);
  EXPECT_THAT(taken.err, HasSubstr("kept for the service"));
  auto late = unheard.get();
  EXPECT_NE(late.code, 0);
  EXPECT_THAT(late.err, HasSubstr("did not answer within 30s"));
  auto labelled = brigd.brig({"run", "node", "-d", "--label", "brig.service=acme/mine", "--", "sleep", "9"});
  EXPECT_NE(labelled.code, 0);
}

// By whom its scope names, over the network; for others it does not exist.
TEST_F(Services, AreSeenByThoseInTheirScope) {
  deploy();
  auto token = [&](std::vector<std::string> who) {
    who.insert(who.begin(), {"token", "create", "--ttl", "1h"});
    auto made = brigd.brig(who);
    EXPECT_EQ(made.code, 0) << made.err;
    return made.out.substr(0, made.out.find('\n'));
  };
  auto peer = token({"--mesh", "acme", "--peer", "ana", "--group", "eng/backend"});
  auto other = token({"--mesh", "acme", "--peer", "bo", "--group", "ops"});
  auto stranger = token({"--mesh", "other", "--peer", "ana", "--group", "eng/backend", "--role", "owner"});
  const std::string path = "/v1/meshes/acme/services";
  auto ask = [&](const std::string& bearer, const std::string& method, const std::string& target,
                 const std::string& body = {}) {
    std::vector<std::string> args{"/usr/bin/curl",
                                  "-sS",
                                  "-k",
                                  "-X",
                                  method,
                                  "-w",
                                  "\n%{http_code}",
                                  "-H",
                                  "Authorization: Bearer " + bearer,
                                  "https://" + address + target};
    if (!body.empty()) args.insert(args.end(), {"-H", "Content-Type: application/json", "-d", body});
    auto done = harness::run(args, {}, brigd.options());
    return done ? done->out + done->err : done.error().message;
  };
  const std::string hi = R"({"tool": "echo", "arguments": {"message": "hi"}})";
  auto expect_nothing = [&](const std::string& bearer) {
    for (auto [method, what] : {std::pair{"GET", ""},
                                {"GET", "/tools"},
                                {"GET", "/logs"},
                                {"GET", "/scope"},
                                {"DELETE", ""},
                                {"POST", "/stop"},
                                {"POST", "/restart"},
                                {"POST", "/update"}})
      EXPECT_THAT(ask(bearer, method, path + "/mine" + what), HasSubstr("\n404")) << method << what;
    EXPECT_THAT(ask(bearer, "POST", path + "/mine/call", hi), HasSubstr("\n404"));
    EXPECT_EQ(ask(bearer, "GET", path), "{\"services\":[]}\n200");
  };
  // Its deployer's alone, until it is told otherwise.
  EXPECT_EQ(brig({"scope", "mine"}).out, "peer\n");
  for (const auto& bearer : {peer, other, stranger}) expect_nothing(bearer);

  EXPECT_EQ(brig({"scope", "mine", "group:eng", "role:owner"}).out, "group:eng role:owner\n");
  EXPECT_THAT(ask(peer, "POST", path + "/mine/call", hi), HasSubstr(R"("text":"hi")"));
  EXPECT_THAT(ask(peer, "GET", path), HasSubstr(R"("mine")"));
  EXPECT_THAT(ask(peer, "GET", path), Not(HasSubstr("network_allow")));
  EXPECT_THAT(ask(peer, "GET", path + "/mine/logs"), HasSubstr("\n403"));
  for (auto [method, what] : {std::pair{"DELETE", ""}, {"POST", "/stop"}, {"POST", "/restart"}})
    EXPECT_THAT(ask(peer, method, path + "/mine" + what), HasSubstr("not yours to change")) << what;
  for (const auto& bearer : {other, stranger}) expect_nothing(bearer);

  // It lasts, and a narrower one holds at once.
  brigd.kill_hard();
  brigd.start();
  EXPECT_EQ(said("echo", {{"message", "still"}}), "still\n");
  EXPECT_THAT(ask(peer, "POST", path + "/mine/call", hi), HasSubstr(R"("text":"hi")"));
  ASSERT_EQ(brig({"scope", "mine", "peer:bo"}).code, 0);
  expect_nothing(peer);
  EXPECT_THAT(ask(other, "POST", path + "/mine/call", hi), HasSubstr(R"("text":"hi")"));
  auto nobody = brig({"deploy", "mine", "--dir", server().string(), "--scope", "group:"});
  EXPECT_NE(nobody.code, 0);
  EXPECT_THAT(nobody.err, HasSubstr("names nobody"));
}

}  // namespace
}  // namespace brig::test
