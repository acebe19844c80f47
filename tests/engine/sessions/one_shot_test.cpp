// One question, one answer, and nothing left: a provider declared over the API whose one-shot command is a
// shell script.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "brigd.hpp"
#include "core/files.hpp"

namespace brig::test {
namespace {

class OneShot : public testing::Test {
 protected:
  // Declares a provider whose one-shot command is `script`.
  void declare(const std::string& id, const std::string& script, nlohmann::json more = {}) {
    nlohmann::json provider{{"title", "one question"},
                            {"image", "brig-test/busybox"},
                            {"binary", "sh"},
                            {"one_shot", {{"args", {"-c", script}}}}};
    if (more.is_object()) provider.merge_patch(more);
    auto file = brigd.dir() / (id + ".json");
    std::ofstream(file) << provider.dump();
    auto done = harness::run({"curl", "-sS", "-o", "/dev/stderr", "-w", "%{http_code}", "--unix-socket",
                              brigd.socket(), "-X", "PUT", "-H", "Content-Type: application/json", "--data",
                              "@" + file.string(), "http://brig/v1/providers/" + id});
    ASSERT_TRUE(done) << done.error().message;
    ASSERT_EQ(done->out, "200") << done->err;
  }
  harness::Finished ask(std::vector<std::string> args, std::string_view input = {}) {
    args.insert(args.begin(), "ask");
    return brigd.brig(std::move(args), input);
  }
  Brigd brigd;
};

TEST_F(OneShot, TakesThePromptOnStandardInputAndLeavesNothing) {
  declare("wise", "tr a-z A-Z; pwd; ls -A /workspace | grep -v lost+found; echo aside >&2");
  auto done = ask({"wise", "one line", "please"}, "diff --git\n");
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.out, "ONE LINE PLEASE\n\nDIFF --GIT\n/workspace\n");
  EXPECT_EQ(done.err, "aside\n");
  auto json = ask({"wise", "--json", "-n", "hm"});
  EXPECT_EQ(json.code, 0) << json.err;
  auto document = nlohmann::json::parse(json.out, nullptr, false);
  EXPECT_EQ(document["text"], "HM/workspace\n") << json.out;
  EXPECT_EQ(document["stderr"], "aside\n");
  EXPECT_EQ(document["outcome"]["kind"], "exited");
  brigd.expect_nothing_left();
}

TEST_F(OneShot, AProviderMayTakeItAsAnArgumentThatTheHostDoesNotSee) {
  declare("argues", "echo \"<$1>\"",
          {{"one_shot",
            {{"args", {"-c", "echo \"<$0>\"; until [ -e /tmp/go ]; do sleep 0.1; done"}},
             {"prompt", "argument"}}}});
  auto options = brigd.options();
  options.pipe_out = options.pipe_err = true;
  auto child =
      harness::Child::spawn(brigd.command({"ask", "-n", "--env", "X=1", "argues", "sesame"}), options);
  ASSERT_TRUE(child);
  nlohmann::json seen;
  eventually(
      [&] {
        seen = brigd.sessions();
        return seen.size() == 1 && seen[0]["state"] == "running";
      },
      "it runs");
  EXPECT_EQ(seen.dump().find("sesame"), std::string::npos) << seen.dump(1);
  EXPECT_EQ(seen[0]["labels"]["brig.one-shot"], "1");
  auto went = brigd.brig({"exec", seen[0]["id"].get<std::string>(), "--", "touch", "/tmp/go"});
  EXPECT_EQ(went.code, 0) << went.err;
  auto code = child->wait();
  ASSERT_TRUE(code);
  EXPECT_EQ(*code, 0);
  char text[64] = {};
  EXPECT_EQ(::read(child->out.get(), text, sizeof text), 9);
  EXPECT_STREQ(text, "<sesame>\n");
  EXPECT_EQ(brigd.log().find("sesame"), std::string::npos);
  brigd.expect_nothing_left();
}

TEST_F(OneShot, PassesItsExitCodeOnAndTellsWhatIsWrong) {
  declare("fails", "echo half; exit 7");
  auto failed = ask({"fails", "-n", "x"});
  EXPECT_EQ(failed.code, 7);
  EXPECT_EQ(failed.out, "half\n");
  auto none = ask({"box", "-n", "x"});
  EXPECT_EQ(none.code, 72) << none.err;
  EXPECT_NE(none.err.find("one-shot"), std::string::npos) << none.err;
  EXPECT_EQ(ask({"nobody", "-n", "x"}).code, 66);
  EXPECT_EQ(ask({"fails"}, "").code, 64);
  EXPECT_EQ(ask({"fails", "-n", "--identity", "Work", "x"}).code, 65);
  declare("lost", "", {{"binary", "no-such-program"}});
  auto lost = ask({"lost", "-n", "x"});
  EXPECT_EQ(lost.code, 66) << lost.err;
  brigd.expect_nothing_left();
}

TEST_F(OneShot, EndsAtItsTimeLimit) {
  declare("slow", "trap '' TERM; echo begun; sleep 1000 & wait");
  // Time enough to be started in.
  auto done = ask({"slow", "-n", "--timeout", "15s", "x"});
  EXPECT_EQ(done.code, 124) << done.err;
  EXPECT_EQ(done.out, "begun\n");
  EXPECT_NE(done.err.find("did not answer"), std::string::npos) << done.err;
  brigd.expect_nothing_left();
}

// What it needs is another's for as long as that one runs.
TEST_F(OneShot, ItsTimeCountsFromWhenItWasAsked) {
  declare("waits", "echo never",
          {{"config", {{{"path", "/home/agent/.waits"}, {"read_only", false}, {"sharing", "exclusive"}}}}});
  auto holder = brigd.brig({"run", "waits", "--empty", "--name", "holder", "-d", "--", "-c", "sleep 100000"});
  ASSERT_EQ(holder.code, 0) << holder.err;
  auto done = ask({"waits", "-n", "--timeout", "1s", "x"});
  EXPECT_EQ(done.code, 124) << done.err;
  EXPECT_EQ(done.out, "");
  EXPECT_NE(done.err.find("it was still being started"), std::string::npos) << done.err;
  auto document =
      nlohmann::json::parse(ask({"waits", "--json", "-n", "--timeout", "1s", "x"}).out, nullptr, false);
  EXPECT_EQ(document["outcome"]["kind"], "expired") << document.dump();
  eventually([&] { return brigd.sessions().size() == 1; }, "only the one that has it is left");
  // Nor does it come back when there is room.
  EXPECT_EQ(brigd.brig({"rm", "-f", "holder"}).code, 0);
  EXPECT_EQ(ask({"waits", "-n", "x"}).out, "never\n");
  brigd.expect_nothing_left();
  brigd.remove_volumes();
}

TEST_F(OneShot, AGigabyteOfAnswerIsCutShort) {
  declare("wordy", "yes | head -c 1000000000");
  auto done = ask({"wordy", "-n", "--max-output", "100000B", "x"});
  EXPECT_EQ(done.code, 74) << done.err;
  EXPECT_EQ(done.out.size(), 100'000u);
  auto json = ask({"wordy", "-n", "--json", "x"});
  EXPECT_EQ(json.code, 74) << json.err;
  auto document = nlohmann::json::parse(json.out, nullptr, false);
  EXPECT_EQ(document["text"].get<std::string>().size(), 1u << 20);
  EXPECT_EQ(document["outcome"]["kind"], "stopped");
  brigd.expect_nothing_left();
}

TEST_F(OneShot, APromptThatIsNotReadHoldsNothingUp) {
  declare("deaf", "exec 0<&-; echo done");
  auto done = ask({"deaf"}, std::string(700'000, 'x'));
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.out, "done\n");
  auto large = ask({"deaf"}, std::string(900'000, 'x'));
  EXPECT_EQ(large.code, 74) << large.err;
  declare("counts", "wc -c");
  EXPECT_EQ(ask({"counts"}, std::string(700'000, 'x')).out, "700000\n");
  auto bytes = ask({"counts"},
                   "a\xff"
                   "b");
  EXPECT_EQ(bytes.out, "5\n");
  EXPECT_NE(bytes.err.find("UTF-8"), std::string::npos);
  brigd.expect_nothing_left();
}

TEST_F(OneShot, AClientThatVanishesEndsIt) {
  declare("slow", "echo begun; sleep 1000");
  auto options = brigd.options();
  options.pipe_out = true;
  auto child = harness::Child::spawn(brigd.command({"ask", "-n", "slow", "x"}), options);
  ASSERT_TRUE(child);
  char text[6] = {};
  ASSERT_EQ(::read(child->out.get(), text, 6), 6);
  child->kill(SIGKILL);
  (void)child->wait();
  eventually([&] { return brigd.sessions().empty(); }, "it is gone");
  brigd.expect_nothing_left();
}

TEST_F(OneShot, IsGoneAlsoAfterACrashOfTheService) {
  declare("slow", "echo begun; sleep 1000");
  auto options = brigd.options();
  options.pipe_out = options.pipe_err = true;
  auto child = harness::Child::spawn(brigd.command({"ask", "-n", "slow", "x"}), options);
  ASSERT_TRUE(child);
  char text[6] = {};
  ASSERT_EQ(::read(child->out.get(), text, 6), 6);
  brigd.kill_hard();
  auto code = child->wait();
  ASSERT_TRUE(code);
  EXPECT_EQ(*code, 69);
  brigd.start();
  eventually([&] { return brigd.sessions().empty(); }, "it is gone");
  brigd.expect_nothing_left();
}

TEST_F(OneShot, UsesTheAccountsConfiguration) {
  nlohmann::json config{{{"path", "/home/agent/.kit"}, {"read_only", false}}};
  declare("keeps", "cat ~/.kit/count; echo x >> ~/.kit/count", {{"config", config}});
  EXPECT_EQ(ask({"keeps", "-n", "q"}).out, "");
  EXPECT_EQ(ask({"keeps", "-n", "q"}).out, "x\n");
  EXPECT_EQ(brigd.brig({"identity", "create", "keeps", "--label", "Work"}).code, 0);
  EXPECT_EQ(ask({"keeps", "-n", "--identity", "Work", "q"}).out, "");
  brigd.expect_nothing_left();
}

class Bounded : public testing::Test {};

TEST_F(Bounded, CountsAgainstTheQuota) {
  Brigd brigd("[quota]\nsessions = 1\n");
  auto held = brigd.brig({"run", "box", "--name", "fix", "--empty", "-d", "--", "sleep", "1000"});
  ASSERT_EQ(held.code, 0) << held.err;
  auto file = brigd.dir() / "p.json";
  std::ofstream(file) << R"({"title": "x", "image": "brig-test/busybox", "binary": "sh",
                             "one_shot": {"args": ["-c", "cat"]}})";
  auto put = harness::run({"curl", "-sS", "--unix-socket", brigd.socket(), "-X", "PUT", "-H",
                           "Content-Type: application/json", "--data", "@" + file.string(),
                           "http://brig/v1/providers/wise"});
  ASSERT_TRUE(put);
  auto refused = brigd.brig({"ask", "-n", "wise", "x"});
  EXPECT_EQ(refused.code, 71) << refused.err;
  EXPECT_NE(refused.err.find("sessions"), std::string::npos) << refused.err;
  EXPECT_EQ(brigd.brig({"rm", "-f", "fix"}).code, 0);
  EXPECT_EQ(brigd.brig({"ask", "-n", "wise", "x"}).out, "x");
  brigd.expect_nothing_left();
}

}  // namespace
}  // namespace brig::test
