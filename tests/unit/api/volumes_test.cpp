// Volumes over the API.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "support/schema.hpp"
#include "support/server.hpp"

namespace brig::api::test {
namespace {

using ::testing::HasSubstr;

TEST(Volumes, AreMadeAndRemovedAsAsked) {
  TestServer server;
  auto client = Client::local(server);
  auto made = client.ask("POST", "/v1/volumes", R"({"name": "cache", "size": "1.5 GiB"})");
  EXPECT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.header("Location"), "/v1/volumes/brig-shared-0011aabb-cache");
  EXPECT_EQ(server.volumes.asked->size, 3u << 29);
  EXPECT_EQ(client.ask("GET", "/v1/volumes/cache").json()["kind"], "shared");
  EXPECT_EQ(client.ask("DELETE", "/v1/volumes/cache").status, 204);
  EXPECT_EQ(server.volumes.removed, "cache");
  EXPECT_EQ(server.volumes.removed_how, session::Volumes::Removal::quarantine);
  EXPECT_EQ(client.ask("DELETE", "/v1/volumes/cache?for_good=1").status, 204);
  EXPECT_EQ(server.volumes.removed_how, session::Volumes::Removal::for_good);
  EXPECT_EQ(client.ask("DELETE", "/v1/volumes/cache?for_good=maybe").status, 400);
}

TEST(Volumes, GoOutComeInAndAreCopied) {
  TestServer server;
  // A connection each: one that was streamed over is not kept.
  auto ask = [&](const char* method, const char* path, std::string_view body = {}) {
    return Client::local(server).ask(method, path, std::string(body));
  };
  ask("POST", "/v1/volumes", R"({"name": "cache"})");
  auto out = ask("GET", "/v1/volumes/cache/archive");
  EXPECT_EQ(out.status, 200);
  EXPECT_EQ(out.header("Content-Type"), "application/zstd");
  EXPECT_EQ(out.body, "an archive");
  EXPECT_EQ(ask("GET", "/v1/volumes/other/archive").status, 404);
  auto in = ask("POST", "/v1/volumes/import?name=other", "what comes");
  EXPECT_EQ(in.status, 201) << in.body;
  EXPECT_EQ(in.json()["name"], "other");
  EXPECT_EQ(server.volumes.archive, "what comes");
  EXPECT_EQ(ask("POST", "/v1/volumes/import", "x").json()["name"], "as it was");
  auto bad = ask("POST", "/v1/volumes/import", "damaged");
  EXPECT_EQ(bad.status, 500);
  EXPECT_THAT(bad.body, HasSubstr("damaged at byte 7"));
  auto copy = ask("POST", "/v1/volumes/cache/clone", R"({"name": "copy"})");
  EXPECT_EQ(copy.status, 201) << copy.body;
  EXPECT_EQ(server.volumes.cloned, "cache");
  EXPECT_EQ(copy.json()["name"], "copy");
  EXPECT_EQ(ask("POST", "/v1/volumes/cache/clone", R"({"name": "../x"})").status, 400);
  EXPECT_EQ(ask("POST", "/v1/volumes/cache/clone", "{}").status, 400);
}

TEST(Footprint, IsToldToAdmins) {
  TestServer server;
  server.footprints.taken.ours = {{"volumes", 3, 4096, 1, 1024, "brig volume prune"},
                                  {"images of providers", 2, std::nullopt, 0, 0, ""}};
  server.footprints.taken.others = {{"build cache", 1, 10, 0, 0, ""}};
  server.footprints.taken.size = 100;
  server.footprints.taken.free = 40;
  auto answer = Client::local(server).ask("GET", "/v1/system/df");
  ASSERT_EQ(answer.status, 200) << answer.body;
  auto json = answer.json();
  EXPECT_EQ(Document().mismatch("/components/schemas/Footprint", json), "");
  EXPECT_EQ(json["brig"][0]["idle"], (nlohmann::json{{"count", 1}, {"bytes", 1024}}));
  EXPECT_FALSE(json["brig"][1].contains("bytes"));
  EXPECT_EQ(json["disk"]["free"], 40);
}

TEST(Volumes, RefuseWhatIsNoName) {
  TestServer server;
  struct {
    const char* body;
    const char* field;
  } bad[] = {{R"({"name": "../x"})", "/name"},
             {R"({"name": ""})", "/name"},
             {R"({"size": "1G"})", "/name"},
             {R"({"name": "a", "size": "much"})", "/size"},
             {R"({"name": "a", "mesh": "a b"})", "/mesh"},
             {R"({"name": "a", "driver": "nfs"})", "/driver"}};
  for (const auto& one : bad) {
    auto answer = Client::local(server).ask("POST", "/v1/volumes", one.body);
    EXPECT_EQ(answer.status, 400) << one.body;
    EXPECT_EQ(answer.json()["field"], one.field) << answer.body;
  }
}

TEST(Volumes, AreListedByWhatIsAskedFor) {
  TestServer server;
  auto client = Client::local(server);
  auto listed = client.ask("GET",
                           "/v1/"
                           "volumes?mesh=m&provider=p&identity=i&kind=config&owner=uid:1&unused_for=30d&"
                           "larger=1.5G&orphan=1&sort=used");
  EXPECT_EQ(listed.status, 200) << listed.body;
  const auto& filter = server.volumes.filter;
  EXPECT_EQ(filter.mesh + filter.provider + filter.identity + filter.kind + filter.owner, "mpiconfiguid:1");
  EXPECT_EQ(filter.unused_for, std::chrono::hours(24 * 30));
  EXPECT_EQ(filter.larger, 3u << 29);
  EXPECT_TRUE(filter.orphan);
  EXPECT_EQ(server.volumes.order, session::VolumeOrder::used);
  for (const char* bad :
       {"mesh=a%20b", "kind=home", "unused_for=soon", "larger=much", "orphan=2", "sort=age", "foreign=x"}) {
    auto answer = client.ask("GET", "/v1/volumes?" + std::string(bad));
    EXPECT_EQ(answer.status, 400) << bad;
    EXPECT_EQ(answer.json()["field"], std::string(bad).substr(0, std::string_view(bad).find('=')))
        << answer.body;
  }
}

TEST(Prune, PlansAndDoesWhatWasPlanned) {
  TestServer server;
  auto client = Client::local(server);
  auto planned = client.ask("POST", "/v1/prune/plan",
                            R"({"mesh": "m", "unused_for": "90m", "larger": "1K", "keep_last": 2})");
  EXPECT_EQ(planned.status, 200) << planned.body;
  EXPECT_EQ(server.prunes.rules.filter.unused_for, std::chrono::minutes(90));
  EXPECT_EQ(server.prunes.rules.keep_last, 2u);
  auto everything = client.ask("POST", "/v1/prune/plan").json();
  ASSERT_EQ(everything["goes"].size(), 1u);
  EXPECT_EQ(everything["stays"][0]["reasons"][0], "it is pinned");
  // The rules of a plan read back as what they were.
  nlohmann::json order{
      {"rules", planned.json()["rules"]},
      {"volumes",
       {{{"volume", "old"}, {"used", everything["goes"][0]["used"]}}, {{"volume", "new"}, {"used", "x"}}}}};
  auto done = client.ask("POST", "/v1/prune", order.dump());
  EXPECT_EQ(done.status, 200) << done.body;
  EXPECT_EQ(server.prunes.order.rules.filter.unused_for, std::chrono::minutes(90));
  EXPECT_EQ(server.prunes.order.rules.filter.larger, 1024u);
  ASSERT_EQ(server.prunes.order.agreed.size(), 2u);
  EXPECT_EQ(server.prunes.order.agreed[0].used, everything["goes"][0]["used"]);
  std::vector<nlohmann::json> lines;
  std::istringstream text(done.body);
  for (std::string line; std::getline(text, line);) lines.push_back(nlohmann::json::parse(line));
  // Progress may be missed, nothing else.
  ASSERT_GE(lines.size(), 4u) << done.body;
  EXPECT_EQ(lines[0]["progress"]["volume"], "old");
  EXPECT_EQ(lines[1]["step"]["gone"], true);
  EXPECT_EQ(lines[lines.size() - 2]["step"]["reason"], "it is in use");
  EXPECT_EQ(lines.back()["done"]["bytes"], 4096);
}

TEST(Gc, PlansAndRemovesWhatWasPlanned) {
  TestServer server;
  server.gc.things = {
      {"session", "a1", "old", "uid:0", WallTime{}, 100, {}},
      {"image", "sha256:1", "x", "box", WallTime{}, 50, {"container 'c' (running) is of it"}}};
  auto client = Client::local(server);
  auto plan = client.ask("POST", "/v1/gc/plan", R"({"unused_for": "90d"})");
  ASSERT_EQ(plan.status, 200) << plan.body;
  EXPECT_EQ(plan.json()["goes"][0]["reasons"][0], "it ended 100d ago");
  EXPECT_THAT(plan.json()["stays"][0]["reasons"][0], HasSubstr("is of it"));
  nlohmann::json order{{"rules", plan.json()["rules"]}, {"things", {{{"kind", "session"}, {"id", "a1"}}}}};
  auto done = client.ask("POST", "/v1/gc", order.dump());
  EXPECT_EQ(done.status, 200) << done.body;
  EXPECT_EQ(server.gc.asked, std::set<prune::GcAgreed>({{"session", "a1"}}));
  for (const char* bad : {R"({"kinds": ["volume"]})", R"({"unused_for": "soon"})", R"({"all": true})"})
    EXPECT_EQ(client.ask("POST", "/v1/gc/plan", bad).status, 400) << bad;
  EXPECT_EQ(client.ask("POST", "/v1/gc", R"({"things": [{"kind": "image"}]})").status, 400);
}

TEST(Prune, TellsOfItsRules) {
  TestServer server;
  prune::StandingView view;
  view.rule = {"stale", {}, std::chrono::hours(24), std::chrono::minutes(90), true};
  view.rule.rules.filter.kind = "shared";
  view.planned = WallTime{};
  view.agreed = {{"old", "x"}};
  server.standing_prunes.rules = {{}, view};
  auto client = Client::local(server);
  auto told = client.ask("GET", "/v1/prune/rules");
  ASSERT_EQ(told.status, 200) << told.body;
  auto rule = told.json()["rules"][1];
  EXPECT_EQ(rule["name"], "stale");
  EXPECT_EQ(rule["notice"], "1h 30m");
  EXPECT_EQ(rule["rules"]["kind"], "shared");
  EXPECT_EQ(rule["planned"]["volumes"][0], "old");
  EXPECT_FALSE(rule.contains("done"));
}

TEST(Prune, RefusesAsAWholeBeforeItBegins) {
  TestServer server;
  server.on_loop([&] { server.prunes.refuse = Error{Code::conflict, "a prune is under way", "test", true}; });
  auto client = Client::local(server);
  auto refused = client.ask("POST", "/v1/prune", R"({"volumes": [{"volume": "old", "used": "x"}]})");
  EXPECT_EQ(refused.status, 409) << refused.body;
  EXPECT_THAT(refused.body, HasSubstr("under way"));
  for (const char* body : {R"({"volumes": [{"volume": "old"}]})", R"({"volumes": [{"used": "x"}]})",
                           R"({"rules": {"unused_for": "soon"}})", R"({"all": true})"})
    EXPECT_EQ(client.ask("POST", "/v1/prune", body).status, 400) << body;
  EXPECT_TRUE(server.prunes.order.agreed.empty());
}

TEST(Volumes, ASessionAsksForThem) {
  TestServer server;
  auto client = Client::local(server);
  auto made = client.ask(
      "POST", "/v1/sessions",
      R"({"provider": "shell", "volumes": [{"volume": "cache", "path": "/home/agent/.cache", "read_only": true}]})");
  EXPECT_EQ(made.status, 201) << made.body;
  const auto& asked = server.sessions.created;
  ASSERT_TRUE(asked && asked->volumes.size() == 1);
  EXPECT_EQ(asked->volumes[0].volume, "cache");
  EXPECT_EQ(asked->volumes[0].path, "/home/agent/.cache");
  EXPECT_TRUE(asked->volumes[0].read_only);
  auto bad = client.ask("POST", "/v1/sessions", R"({"provider": "shell", "volumes": [{"volume": "cache"}]})");
  EXPECT_EQ(bad.status, 400);
  EXPECT_EQ(bad.json()["field"], "/volumes/0/path");
}

}  // namespace
}  // namespace brig::api::test
