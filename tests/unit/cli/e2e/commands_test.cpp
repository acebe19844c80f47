// The other commands, against a fake brigd.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include "brig_process.hpp"
#include "fake_brigd.hpp"

namespace brig::cli::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(Ps, ListsAsATableAndAsJson) {
  FakeBrigd brigd;
  auto hostile = brigd.session();
  hostile["name"] = "evil\x1b[2J";
  hostile["state"] = "ended";
  hostile["outcome"] = {{"kind", "signaled"}, {"signal", 9}, {"exit_code", 137}};
  brigd.on("GET /v1/sessions", [&](const FakeRequest&) {
    return FakeAnswer{200, nlohmann::json{{"sessions", {brigd.session(), hostile}}}.dump()};
  });
  auto table = brig(brigd.host(), {"ps", "-a", "--filter", "label=team=a b", "--filter", "state=ended"});
  EXPECT_EQ(table.code, 0) << table.err;
  EXPECT_THAT(table.out, AllOf(HasSubstr("NAME"), HasSubstr("brave-otter"), HasSubstr("running"),
                               HasSubstr("killed by SIGKILL"), HasSubstr("137"), Not(HasSubstr("\x1b"))));
  EXPECT_EQ(brigd.requests()[0].query, "all=1&label=team%3Da%20b&state=ended");
  auto json = nlohmann::json::parse(brig(brigd.host(), {"ps", "--json"}).out);
  ASSERT_EQ(json.size(), 2u);
  EXPECT_EQ(json[0]["name"], "brave-otter");
  EXPECT_EQ(brig(brigd.host(), {"ps", "--filter", "colour=red"}).code, 65);
}

TEST(Events, GoOnWhereALostConnectionLeftThem) {
  FakeBrigd brigd;
  auto message = [](int number, const std::string& kind) {
    return "id: " + std::to_string(number) + "\nevent: " + kind + "\ndata: " +
           nlohmann::json{
               {"number", number},
               {"at", "2026-01-01T00:00:00.000Z"},
               {"kind", kind},
               {"owner", "uid:0"},
               {"detail",
                {{"name", "evil\x1b[2J"}, {"outcome", {{"kind", "exited"}, {"code", 3}, {"exit_code", 3}}}}}}
               .dump() +
           "\n\n";
  };
  std::atomic<int> asked = 0;
  brigd.on("GET /v1/events", [&](const FakeRequest&) {
    // The second time around it begins with a gap, then brigd says that it will not go on.
    if (++asked == 1) return FakeAnswer{200, message(7, "session.running"), "text/event-stream", true};
    if (asked == 2)
      return FakeAnswer{200,
                        "id: 9\nevent: gap\ndata: {\"from\":8,\"to\":9}\n\n" + message(10, "session.ended"),
                        "text/event-stream", true};
    return problem(403, "denied", "your token was revoked");
  });
  auto said = brig(brigd.host(), {"events", "-f", "--kind", "session", "--since", "6"});
  EXPECT_EQ(said.code, 77);
  EXPECT_THAT(said.out, AllOf(HasSubstr("session.running"), HasSubstr("events 8 to 9 are no longer kept"),
                              HasSubstr("outcome=exited 3"), Not(HasSubstr("\x1b"))));
  auto requests = brigd.requests();
  ASSERT_EQ(requests.size(), 3u);
  EXPECT_EQ(requests[0].query, "since=6&kind=session");
  EXPECT_EQ(requests[1].query, "since=7&kind=session");
  EXPECT_EQ(requests[2].query, "since=10&kind=session");

  asked = 0;
  auto json = brig(brigd.host(), {"events", "--json"});
  EXPECT_EQ(json.code, 0) << json.err;
  EXPECT_EQ(nlohmann::json::parse(json.out)["number"], 7);
  EXPECT_EQ(brigd.requests()[3].query, "once=1");
}

TEST(Errors, NameTheRemedy) {
  auto nobody = brig("unix:///nonexistent/brig.sock", {"ps"});
  EXPECT_EQ(nobody.code, 69);
  EXPECT_THAT(nobody.err, AllOf(HasSubstr("not running"), HasSubstr("start it with")));
  FakeBrigd brigd;
  ::chmod((brigd.directory() + "/brig.sock").c_str(), 0);
  ::chmod(brigd.directory().c_str(), 0755);
  BrigOptions options;
  options.as_nobody = true;
  auto denied = brig(brigd.host(), {"ps"}, options);
  EXPECT_EQ(denied.code, 77);
  EXPECT_THAT(denied.err, HasSubstr("add yourself to the group brig"));
  EXPECT_EQ(brig("http://x", {"ps"}).code, 65);
  EXPECT_EQ(brig(brigd.host(), {"nonsense"}).code, 64);
}

TEST(Errors, OfTheDaemonHaveTheirOwnExitCodes) {
  FakeBrigd brigd;
  std::pair<const char*, int> cases[] = {{"not_found", 66},    {"denied", 77},      {"conflict", 73},
                                         {"rate_limited", 75}, {"unsupported", 72}, {"unavailable", 69},
                                         {"exhausted", 71},    {"internal", 70}};
  for (const auto& [code, exit] : cases) {
    brigd.on("POST /v1/sessions",
             [code = code](const FakeRequest&) { return problem(400, code, "a sentence"); });
    auto said = brig(brigd.host(), {"run", "shell"});
    EXPECT_EQ(said.code, exit) << code;
    EXPECT_THAT(said.err, HasSubstr("brig: a sentence"));
  }
}

// As by a brigd that is stopped between a request and its answer, and the next one that listens at once.
TEST(Errors, OfARestartAreNotToldToWhoOnlyLooks) {
  FakeBrigd brigd;
  int asked = 0, stops = 0;
  brigd.on("GET /v1/sessions", [&](const FakeRequest&) {
    return asked++ == 0 ? FakeAnswer{0, ""} : FakeAnswer{200, "{\"sessions\":[]}"};
  });
  auto listed = brig(brigd.host(), {"ps"});
  EXPECT_EQ(listed.code, 0) << listed.err;
  EXPECT_EQ(asked, 2);
  // What does something may have been done.
  brigd.on("POST /v1/sessions/a/stop", [&](const FakeRequest&) {
    ++stops;
    return FakeAnswer{0, ""};
  });
  auto stopped = brig(brigd.host(), {"stop", "a"});
  EXPECT_EQ(stopped.code, 69);
  EXPECT_EQ(stops, 1);
  // Nor is one asked for ever that always ends so.
  asked = 0;
  brigd.on("GET /v1/sessions", [&](const FakeRequest&) {
    ++asked;
    return FakeAnswer{0, ""};
  });
  EXPECT_EQ(brig(brigd.host(), {"ps"}).code, 69);
  EXPECT_EQ(asked, 2);
}

TEST(StopAndRm, GoOnAfterAFailure) {
  FakeBrigd brigd;
  for (const char* path : {"POST /v1/sessions/a/stop", "POST /v1/sessions/c/stop"}) {
    brigd.on(path, [&](const FakeRequest&) { return FakeAnswer{200, brigd.session().dump()}; });
  }
  brigd.on("DELETE /v1/sessions/a", [&](const FakeRequest&) { return FakeAnswer{204, ""}; });
  auto stopped = brig(brigd.host(), {"stop", "--grace", "2s", "a", "b", "c"});
  EXPECT_EQ(stopped.out, "a\nc\n");
  EXPECT_EQ(stopped.code, 66);
  EXPECT_EQ(brigd.wait_request("POST /v1/sessions/a/stop").body, "{\"grace_ms\":2000}");
  EXPECT_EQ(brig(brigd.host(), {"rm", "-f", "a"}).code, 0);
  EXPECT_EQ(brigd.wait_request("DELETE /v1/sessions/a").query, "force=1");
}

TEST(Exec, RunsInASession) {
  FakeBrigd brigd;
  brigd.on("POST /v1/sessions/fix/exec", [&](const FakeRequest&) {
    return FakeAnswer{
        201, R"({"number":2,"argv":["git"],"terminal":false,"started":"x","output_begin":0,"output_end":0})"};
  });
  brigd.process().write(1, "clean");
  brigd.process().end_with(4);
  auto said = brig(brigd.host(), {"exec", "-w", "/tmp", "-e", "A=1", "fix", "--", "git", "status"});
  EXPECT_EQ(said.out, "clean");
  EXPECT_EQ(said.code, 4);
  auto body = nlohmann::json::parse(brigd.wait_request("POST /v1/sessions/fix/exec").body);
  EXPECT_EQ(body,
            (nlohmann::json{
                {"argv", {"git", "status"}}, {"cwd", "/tmp"}, {"env", {{"A", "1"}}}, {"stdin_open", true}}));
  EXPECT_NE(brigd.wait_request("GET /v1/sessions/fix/processes/2/attach").query, "");
  EXPECT_EQ(brig(brigd.host(), {"exec", "fix"}).code, 64);
}

TEST(Logs, PrintWhatThereIsAndLeave) {
  FakeBrigd brigd;
  brigd.process().write(1, "out ");
  brigd.process().write(2, "err");
  auto said = brig(brigd.host(), {"logs", "fix"});  // the process still runs
  EXPECT_EQ(said.out, "out ");
  EXPECT_EQ(said.err, "err");
  EXPECT_EQ(said.code, 0);
  EXPECT_THAT(brigd.wait_request("GET /v1/sessions/fix/processes/1/attach").query, Not(HasSubstr("write")));
}

TEST(Logs, FollowToTheEndAcrossARestart) {
  FakeBrigd brigd;
  brigd.process().write(1, "one ");
  BrigProcess follower(brigd.host(), {"logs", "-f", "fix"});
  ASSERT_TRUE(follower.wait_output("one"));
  brigd.kill();
  brigd.restart();
  brigd.process().write(1, "two");
  brigd.process().end_with(9);
  EXPECT_EQ(follower.output(), "one two");
  EXPECT_EQ(follower.wait(), 0);
}

TEST(Attach, ReadOnlySendsNothing) {
  FakeBrigd brigd;
  brigd.process().write(1, "x");
  BrigProcess looker(brigd.host(), {"attach", "--read-only", "fix"});
  ASSERT_TRUE(looker.wait_output("x"));
  looker.write("y");
  ::kill(looker.pid(), SIGINT);  // ours alone
  EXPECT_EQ(looker.wait(), -SIGINT);
  EXPECT_EQ(brigd.process().stdin_now(), "");
}

TEST(Policy, ExplainsWithReasons) {
  FakeBrigd brigd;
  brigd.on("POST /v1/policy/explain", [](const FakeRequest&) {
    return FakeAnswer{
        200,
        R"({"profile":"strict","hash":"ab","runtime":"runc","fields":[{"field":"limits.memory","value":"4 GiB",
      "rule":"ceiling","detail":"lowered from 8 GiB"}],"grants":[{"text":"ptrace","risk":"sees much","rule":"profile"}]})"};
  });
  auto said = brig(brigd.host(), {"policy", "explain", "--profile", "strict", "--memory", "8G"});
  EXPECT_EQ(said.code, 0) << said.err;
  EXPECT_THAT(said.out,
              AllOf(HasSubstr("limits.memory  4 GiB  ceiling  lowered from 8 GiB"), HasSubstr("ptrace")));
  EXPECT_EQ(brigd.requests()[0].body, R"({"policy":{"limits":{"memory":8589934592}},"profile":"strict"})");
}

TEST(Policy, ShowsAProfileOrTheNearest) {
  FakeBrigd brigd;
  brigd.on("GET /v1/profiles", [](const FakeRequest&) {
    return FakeAnswer{
        200,
        R"({"profiles":[{"name":"strict","description":"d","built_in":true,"default":false,"policy":{}}]})"};
  });
  EXPECT_THAT(brig(brigd.host(), {"policy", "ls"}).out, HasSubstr("strict"));
  EXPECT_EQ(nlohmann::json::parse(brig(brigd.host(), {"policy", "show", "strict"}).out)["description"], "d");
  auto wrong = brig(brigd.host(), {"policy", "show", "stric"});
  EXPECT_EQ(wrong.code, 66);
  EXPECT_THAT(wrong.err, HasSubstr("'strict'"));
}

TEST(Image, ListsBuildsAndTellsWhatIsOld) {
  FakeBrigd brigd;
  brigd.on("GET /v1/images", [](const FakeRequest&) {
    return FakeAnswer{
        200, R"({"images":[{"provider":"shell","tag":"t","built":true,"stale":true,"size":3145728}]})"};
  });
  brigd.on("GET /v1/images/outdated", [](const FakeRequest&) {
    return FakeAnswer{200, R"({"outdated":[{"package":"p","pinned":"1","latest":"2"}]})"};
  });
  brigd.on("POST /v1/images/shell/build", [](const FakeRequest&) {
    return FakeAnswer{200,
                      "{\"done\":{\"provider\":\"shell\",\"tag\":\"t\",\"built\":true,\"stale\":false}}\n",
                      "application/x-ndjson", true};
  });
  EXPECT_THAT(brig(brigd.host(), {"image", "ls"}).out, AllOf(HasSubstr("stale"), HasSubstr("3.0 MiB")));
  EXPECT_THAT(brig(brigd.host(), {"image", "outdated"}).out, HasSubstr("p        1       2"));
  EXPECT_EQ(brig(brigd.host(), {"image", "build", "shell"}).out, "t\n");
  EXPECT_EQ(nlohmann::json::parse(brig(brigd.host(), {"image", "build", "--json", "shell"}).out)[0]["tag"],
            "t");
  EXPECT_EQ(brig(brigd.host(), {"image", "build", "nope"}).code, 66);
}

TEST(Token, PrintsTheSecretAlone) {
  FakeBrigd brigd;
  brigd.on("POST /v1/tokens", [](const FakeRequest&) {
    return FakeAnswer{
        201,
        R"({"token":{"id":"ab","label":"ci","role":"user","owner":"token:ab","created":"x"},"secret":"brig_a_b"})"};
  });
  auto said = brig(brigd.host(), {"token", "create", "--label", "ci", "--role", "user", "--ttl", "30d"});
  EXPECT_EQ(said.out, "brig_a_b\n");
  EXPECT_THAT(said.err, HasSubstr("shown once"));
  EXPECT_EQ(brigd.requests()[0].body, R"({"expires_in":"30d","label":"ci","role":"user"})");
  EXPECT_EQ(brig(brigd.host(), {"token", "create", "--label", "ci"}).code, 64);
  EXPECT_EQ(brig(brigd.host(), {"token", "create", "--label", "ci", "--role", "root"}).code, 65);

  said = brig(brigd.host(), {"token", "create", "--mesh", "acme", "--peer", "ana", "--group", "a/b",
                             "--group", "c", "--role", "member", "--ttl", "1h"});
  EXPECT_EQ(said.out, "brig_a_b\n") << said.err;
  EXPECT_EQ(brigd.requests().back().body,
            R"({"expires_in":"1h","groups":["a/b","c"],"mesh":"acme","peer":"ana","role":"member"})");
  EXPECT_EQ(brig(brigd.host(), {"token", "create", "--peer", "ana"}).code, 64);
  EXPECT_EQ(brig(brigd.host(), {"token", "create", "--mesh", "a", "--peer", "ana", "--role", "user"}).code,
            65);
  EXPECT_EQ(brig(brigd.host(), {"token", "create", "--label", "a", "--role", "user", "--group", "g"}).code,
            64);
}

TEST(Doctor, ExitsWithOneIfSomethingIsBad) {
  FakeBrigd brigd;
  brigd.on("GET /v1/doctor", [](const FakeRequest&) {
    return FakeAnswer{200, R"({"ok":false,"findings":[{"check":"engine","grade":"good","detail":"20.10"},
      {"check":"kernel.overlay","grade":"bad","detail":"missing","remedy":"modprobe overlay"}]})"};
  });
  auto said = brig(brigd.host(), {"doctor"});
  EXPECT_EQ(said.code, 1);
  EXPECT_THAT(said.out, AllOf(HasSubstr("modprobe overlay"), HasSubstr("1 bad, 0 warnings")));
  auto away = brig("unix:///nonexistent/brig.sock", {"doctor", "--json"});
  EXPECT_EQ(away.code, 1);
  EXPECT_EQ(nlohmann::json::parse(away.out)["findings"][0]["check"], "daemon");
}

TEST(Version, IsToldEvenWithoutADaemon) {
  auto away = brig("unix:///nonexistent/brig.sock", {"version"});
  EXPECT_THAT(away.out, HasSubstr("client  brig "));
  EXPECT_EQ(away.code, 69);
  FakeBrigd brigd;
  brigd.on("GET /v1/version", [](const FakeRequest&) {
    return FakeAnswer{
        200,
        R"({"version":"0.1.0","api":"v1","installation":"i","caller":{"role":"admin","owner":"uid:0"}})"};
  });
  brigd.on("GET /v1/doctor", [](const FakeRequest&) {
    return FakeAnswer{
        200, R"({"ok":true,"findings":[{"check":"engine","grade":"good","detail":"Docker 20.10"}]})"};
  });
  EXPECT_THAT(brig(brigd.host(), {"version"}).out,
              AllOf(HasSubstr("brigd 0.1.0"), HasSubstr("engine  Docker 20.10")));
}

TEST(Output, ThatCannotBeWrittenIsNoSuccess) {
  FakeBrigd brigd;
  BrigProcess process(brigd.host(), {"ps"});
  process.close_stdout();
  int code = process.wait();
  EXPECT_TRUE(code == -SIGPIPE || code == 0) << code;  // by who is quicker
}

TEST(Completion, BashFindsCommandsOptionsAndNames) {
  FakeBrigd brigd;
  std::string program = BRIG_BINARY;
  std::string directory = program.substr(0, program.rfind('/'));
  auto completes = [&](const std::string& words, int at) {
    std::string script = "source <(brig completion bash); COMP_WORDS=(" + words +
                         "); COMP_CWORD=" + std::to_string(at) + "; _brig; echo \"${COMPREPLY[*]}\"";
    std::string command =
        "BRIG_HOST='" + brigd.host() + "' PATH='" + directory + "':$PATH bash -c '" + script + "'";
    FILE* pipe = ::popen(command.c_str(), "r");
    std::string out;
    for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) out += static_cast<char>(c);
    EXPECT_EQ(::pclose(pipe), 0) << words;
    return out;
  };
  EXPECT_EQ(completes("brig im", 1), "image\n");
  EXPECT_EQ(completes("brig image b", 2), "build\n");
  EXPECT_EQ(completes("brig run --det", 2), "--detach --detach-keys\n");
  EXPECT_EQ(completes("brig run --runtime runs", 3), "runsc\n");
  EXPECT_EQ(completes("brig attach br", 2), "brave-otter\n");
}

}  // namespace
}  // namespace brig::cli::test
