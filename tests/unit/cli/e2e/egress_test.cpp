// `brig egress …`, against a fake brigd.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "brig_process.hpp"
#include "fake_brigd.hpp"

namespace brig::cli::test {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class Egress : public testing::Test {
 protected:
  int brig(std::vector<std::string> words) {
    words.insert(words.begin(), "egress");
    BrigProcess process(brigd.host(), std::move(words), {});
    process.close_stdin();
    out = process.output();
    err = process.errors();
    return process.wait();
  }
  void answers(const std::string& what, int status, const std::string& body) {
    brigd.on(what, [=](const FakeRequest&) { return FakeAnswer{status, body}; });
  }
  FakeBrigd brigd;
  std::string out, err;
};

TEST_F(Egress, ShowsRulesQuestionsAndConnections) {
  answers("GET /v1/sessions/fix/egress", 200, R"({
    "open": true, "ask": true, "rules": [{"verb": "deny", "rule": "bad.test", "from": "the ceiling"},
    {"verb": "allow", "rule": "a.test\u001b[2J", "from": "you"}],
    "questions": [{"number": 3, "target": "q.test:443", "rule": "q.test", "process": "curl", "pid": 7,
      "since": "2026-01-01T00:00:00.000Z", "connections": 1, "command": "x"}],
    "connections": [{"number": 1, "host": "a.test", "port": 443, "address": "192.0.2.1", "process": "node", "pid": 9,
      "rule": "a.test", "from": "you", "since": "2026-01-01T00:00:00.000Z", "sent": 2048, "received": 3}],
    "counts": {"allowed": 5, "denied": 2, "failed": 1, "sent": 4096, "received": 0}})");
  EXPECT_EQ(brig({"show", "fix"}), 0) << err;
  EXPECT_THAT(
      out, AllOf(HasSubstr("the ceiling"), HasSubstr("q.test:443"), HasSubstr("node/9"), HasSubstr("2.0 KiB"),
                 HasSubstr("5 connections, 2 denials, 1 failures"), Not(HasSubstr("\x1b"))));
  EXPECT_EQ(brig({"show", "fix", "--json"}), 0);
  EXPECT_EQ(json::parse(out)["counts"]["allowed"], 5);
}

TEST_F(Egress, ChangesRules) {
  answers("POST /v1/sessions/fix/egress/rules", 200, R"({"rule": "a.test"})");
  EXPECT_EQ(brig({"allow", "fix", "A.test", "*.b.test:443", "--always"}), 0) << err;
  EXPECT_EQ(out, "a.test\na.test\n");
  EXPECT_EQ(json::parse(brigd.requests()[0].body),
            (json{{"verb", "allow"}, {"rule", "A.test"}, {"scope", "always"}}));
  EXPECT_EQ(brig({"deny", "fix", "a.test"}), 0);
  EXPECT_EQ(json::parse(brigd.requests()[2].body),
            (json{{"verb", "deny"}, {"rule", "a.test"}, {"scope", "session"}}));
  EXPECT_NE(brig({"allow", "fix", "a.test", "--once", "--always"}), 0);
  EXPECT_THAT(err, HasSubstr("exclude each other"));
  answers("DELETE /v1/sessions/fix/egress/rules", 204, "");
  EXPECT_EQ(brig({"forget", "fix", "*.b.test:443"}), 0) << err;
  EXPECT_EQ(brigd.requests().back().query, "rule=%2A.b.test%3A443");
}

TEST_F(Egress, AnswersQuestions) {
  answers("POST /v1/sessions/fix/egress/answer", 204, "");
  EXPECT_EQ(brig({"answer", "fix", "3", "yes", "--session"}), 0) << err;
  EXPECT_EQ(json::parse(brigd.requests()[0].body),
            (json{{"question", 3}, {"answer", "yes"}, {"scope", "session"}}));
  EXPECT_NE(brig({"answer", "fix", "3", "perhaps"}), 0);
  EXPECT_NE(brig({"answer", "fix", "three", "yes"}), 0);
  EXPECT_EQ(brigd.requests().size(), 1u);
}

TEST_F(Egress, TellsWhatAConnectionWouldMeet) {
  answers("GET /v1/sessions/fix/egress/test", 200, R"({"target": "a.test:443",
    "name": {"verdict": "allowed", "rule": "a.test", "from": "you", "any_protocol": false},
    "addresses": [{"address": "10.0.0.1", "verdict": "denied", "why": "a private address", "command": "brig egress allow fix 10.0.0.1"}]})");
  EXPECT_EQ(brig({"test", "fix", "a.test"}), 1) << "no address is allowed";
  EXPECT_THAT(out,
              AllOf(HasSubstr("allowed  by 'a.test' of you"), HasSubstr("brig egress allow fix 10.0.0.1")));
}

TEST_F(Egress, FollowsTheAccount) {
  brigd.on("GET /v1/sessions/fix/egress/log", [](const FakeRequest&) {
    return FakeAnswer{
        200,
        R"({"number":1,"time":"2026-01-01T10:20:30.000Z","outcome":"denied","host":"evil\u001b[2J","port":443,)"
        R"("process":"curl","pid":7,"via":"http_connect","detail":"no rule allows it"})"
        "\n",
        "application/x-ndjson"};
  });
  EXPECT_EQ(brig({"tail", "fix"}), 0) << err;
  EXPECT_THAT(out, AllOf(HasSubstr("10:20:30  denied"), HasSubstr("curl/7"), HasSubstr("no rule allows it"),
                         Not(HasSubstr("\x1b"))));
  EXPECT_EQ(brigd.requests()[0].query, "last=50&follow=1");
  EXPECT_EQ(brig({"tail", "fix", "--no-follow", "-n", "3", "--json"}), 0);
  EXPECT_EQ(json::parse(out)["pid"], 7);
  EXPECT_EQ(brigd.requests()[1].query, "last=3");
}

}  // namespace
}  // namespace brig::cli::test
