// What a session changed, over the API.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "support/schema.hpp"
#include "support/server.hpp"

namespace brig::api::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Changes, AreListedWithNamesThatCanBeHandedBack) {
  TestServer server;
  server.on_loop([&] {
    server.reviews.summary.changes.digest = std::string(64, '0');
    server.reviews.summary.changes.list = {
        {"a\xff\\b", review::ChangeKind::added, "", {}, {S_IFREG | 04755, 5}, true, ""}};
    server.reviews.summary.lines = {{7, 0, false}};
  });
  auto client = Client::local(server);
  auto answer = client.ask("GET", "/v1/sessions/fix/changes?path=src&path=a%5Cxff&lines");
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_TRUE(answer.complete);
  auto change = answer.json()["changes"][0];
  EXPECT_EQ(change["path"], "a\\xff\\\\b");
  EXPECT_EQ(change["after"], nlohmann::json::parse(R"({"kind": "file", "mode": "4755", "size": 5})"));
  EXPECT_EQ(change["lines"]["added"], 7);
  EXPECT_FALSE(change.contains("before"));
  server.on_loop([&] { EXPECT_THAT(server.reviews.paths, ElementsAre("src", "a\\xff")); });
}

TEST(Changes, AHundredThousandAreStreamed) {
  TestServer server;
  server.on_loop([&] {
    for (std::size_t i = 0; i < review::kMaxChanges; ++i) {
      server.reviews.summary.changes.list.push_back({"directory/" + std::to_string(i),
                                                     review::ChangeKind::added,
                                                     "",
                                                     {},
                                                     {S_IFREG | 0644, i},
                                                     true,
                                                     ""});
    }
  });
  auto answer = Client::local(server).ask("GET", "/v1/sessions/fix/changes");
  EXPECT_TRUE(answer.complete);
  EXPECT_EQ(answer.json()["changes"].size(), review::kMaxChanges);
}

TEST(Changes, OfNoSessionAndOfABrokenQuery) {
  TestServer server;
  auto client = Client::local(server);
  EXPECT_EQ(client.ask("GET", "/v1/sessions/nope/changes").status, 404);
  EXPECT_EQ(client.ask("GET", "/v1/sessions/nope/changes/patch").status, 404);
  EXPECT_EQ(client.ask("GET", "/v1/sessions/fix/changes?lines=maybe").status, 400);
  EXPECT_EQ(client.ask("GET", "/v1/sessions/fix/changes?lines&lines").status, 400);
}

TEST(Patch, ComesAsItIs) {
  TestServer server;
  server.on_loop([&] {
    server.reviews.pieces = {std::optional<std::string>("diff --git a/x b/x\n"),
                             std::optional<std::string>("+gr\xf6\xdf"
                                                        "e\n")};
  });
  auto client = Client::local(server);
  auto answer = client.ask("GET", "/v1/sessions/fix/changes/patch?path=x");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("Content-Type"), "text/x-diff");
  EXPECT_TRUE(answer.complete);
  EXPECT_EQ(answer.body,
            "diff --git a/x b/x\n+gr\xf6\xdf"
            "e\n");
  server.on_loop([&] { server.reviews.pieces.clear(); });
  answer = Client::local(server).ask("GET", "/v1/sessions/fix/changes/patch");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "");
}

TEST(Patch, ThatFailsIsSeenToFail) {
  TestServer server;
  Error broken{Code::exhausted, "the disk is full", "fake", false};
  server.on_loop([&] { server.reviews.pieces = {broken}; });
  auto at_once = Client::local(server).ask("GET", "/v1/sessions/fix/changes/patch");
  EXPECT_EQ(at_once.status, 507);
  EXPECT_THAT(at_once.body, HasSubstr("the disk is full"));
  server.on_loop([&] { server.reviews.pieces = {std::optional<std::string>("diff"), broken}; });
  auto later = Client::local(server).ask("GET", "/v1/sessions/fix/changes/patch");
  EXPECT_EQ(later.status, 200);
  EXPECT_FALSE(later.complete);
}

TEST(Apply, TellsEveryPathThatStoodInTheWay) {
  TestServer server;
  Document document;
  server.on_loop([&] {
    server.reviews.report.conflicts = {{"a\xff", "changed on the host", false}};
    server.reviews.report.concerns = {{".envrc", "shells run it", false}, {"sock", "a socket", true}};
  });
  auto client = Client::local(server);
  auto answer =
      client.ask("POST", "/v1/sessions/fix/apply",
                 R"({"paths": ["src"], "overwrite": ["o"], "allow": ["a"], "skip": ["s"], "digest": "d"})");
  EXPECT_EQ(answer.status, 409) << answer.body;
  EXPECT_EQ(answer.header("Content-Type"), "application/problem+json");
  EXPECT_EQ(document.mismatch("/components/schemas/Refusal", answer.json()), "");
  EXPECT_EQ(answer.json()["conflicts"][0]["path"], "a\\xff");
  EXPECT_EQ(answer.json()["concerns"][1]["never"], true);
  server.on_loop([&] {
    const auto& spec = server.reviews.applied;
    EXPECT_THAT(spec.paths, ElementsAre("src"));
    EXPECT_THAT(spec.overwrite, ElementsAre("o"));
    EXPECT_THAT(spec.allow, ElementsAre("a"));
    EXPECT_THAT(spec.skip, ElementsAre("s"));
    EXPECT_EQ(spec.digest, "d");
    server.reviews.report.conflicts.clear();
  });
  EXPECT_EQ(client.ask("POST", "/v1/sessions/fix/apply").status, 403);
  server.on_loop([&] {
    server.reviews.report.concerns.clear();
    server.reviews.report.done = {{"x", review::ChangeKind::deleted, "", {}, {}, true, ""}};
  });
  auto done = client.ask("POST", "/v1/sessions/fix/undo", R"({"skip": ["y"]})");
  EXPECT_EQ(done.json(), nlohmann::json::parse(R"({"changes": [{"path": "x", "kind": "deleted"}]})"));
  server.on_loop([&] { EXPECT_THAT(server.reviews.applied.skip, ElementsAre("y")); });
  EXPECT_EQ(client.ask("POST", "/v1/sessions/fix/apply", R"({"path": []})").status, 400);
}

}  // namespace
}  // namespace brig::api::test
