// `brig run` as a pipe, against a fake brigd.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <mutex>
#include <random>
#include <thread>

#include "brig_process.hpp"
#include "cli/client/sha1.hpp"
#include "fake_brigd.hpp"

namespace brig::cli::test {
namespace {

using testing::HasSubstr;

std::string noise(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string out(size, '\0');
  for (char& c : out) c = static_cast<char>(random());
  return out;
}

TEST(Run, PassesOutputErrorsInputAndExitCode) {
  FakeBrigd brigd;
  BrigProcess brig(brigd.host(), {"run", "shell", "--", "sh"});
  brigd.process().write(1, std::string("out\0put", 7));
  brigd.process().write(2, "errors");
  brig.write(std::string("in\0put", 6));
  EXPECT_EQ(brigd.process().wait_stdin(6), std::string("in\0put", 6));
  brig.close_stdin();
  EXPECT_TRUE(brigd.process().wait_eof());
  brigd.process().end_with(42);
  EXPECT_EQ(brig.output(), std::string("out\0put", 7));
  EXPECT_EQ(brig.errors(), "errors");
  EXPECT_EQ(brig.wait(), 42);
}

TEST(Run, AsksForWhatWasSaid) {
  FakeBrigd brigd;
  BrigOptions options;
  options.environment["MINE"] = "from here";
  options.directory = brigd.directory();
  BrigProcess brig(
      brigd.host(),
      {"run", "claude", "--name",  "fix",      "--profile", "strict", "--runtime", "runsc", "-m",
       "2G",  "--cpus", "1.5",     "--pids",   "100",       "--disk", "1G",        "-e",    "A=b=c",
       "-e",  "MINE",   "--label", "team=web", "--rm",      "--",     "-p",        "hi"},
      options);
  brigd.process().end_with(0);
  EXPECT_EQ(brig.output(), "");
  EXPECT_EQ(brig.wait(), 0);
  auto body = nlohmann::json::parse(brigd.wait_request("POST /v1/sessions").body);
  nlohmann::json expected = {
      {"provider", "claude"},
      {"name", "fix"},
      {"profile", "strict"},
      {"project", brigd.directory()},
      {"policy",
       {{"runtime", "runsc"},
        {"limits", {{"memory", 2147483648u}, {"cpus", 1.5}, {"pids", 100}, {"disk", 1073741824u}}}}},
      {"env", {{"A", "b=c"}, {"MINE", "from here"}}},
      {"labels", {{"team", "web"}}},
      {"args", {"-p", "hi"}},
      {"stdin_open", true},
      {"remove_when_ended", true}};
  EXPECT_EQ(body, expected);
}

TEST(Run, DetachedPrintsTheName) {
  FakeBrigd brigd;
  BrigProcess brig(brigd.host(), {"run", "-d", "shell", "--empty"});
  EXPECT_EQ(brig.output(), "brave-otter\n");
  EXPECT_EQ(brig.wait(), 0);
  auto body = nlohmann::json::parse(brigd.wait_request("POST /v1/sessions").body);
  EXPECT_FALSE(body["name"].get<std::string>().empty());
  body.erase("name");
  EXPECT_EQ(body, (nlohmann::json{{"provider", "shell"}}));
  EXPECT_EQ(brigd.attachments(), 0u);
}

TEST(Run, BuildsAMissingImageAfterSayingSo) {
  FakeBrigd brigd;
  std::atomic<bool> built{false};
  brigd.on("POST /v1/sessions", [&](const FakeRequest&) {
    return built ? FakeAnswer{201, brigd.session().dump()}
                 : problem(404, "not_found", "the image is not built");
  });
  brigd.on("GET /v1/images", [&](const FakeRequest&) {
    return FakeAnswer{200, R"({"images":[{"provider":"shell","tag":"t","built":false,"stale":false}]})"};
  });
  brigd.on("POST /v1/images/shell/build", [&](const FakeRequest&) {
    built = true;
    return FakeAnswer{200,
                      "{\"progress\":{\"step\":\"Step 1/2: FROM\",\"fraction\":0.1}}\n"
                      "{\"progress\":{\"step\":\"Step 2/2: RUN\\u001b[2J\",\"log\":\"x\"}}\n"
                      "{\"done\":{\"provider\":\"shell\",\"tag\":\"t\",\"built\":true,\"stale\":false}}\n",
                      "application/x-ndjson", true};
  });
  BrigProcess brig(brigd.host(), {"run", "shell"});
  brigd.process().end_with(3);
  std::string errors = brig.errors();
  EXPECT_EQ(brig.output(), "");
  EXPECT_EQ(brig.wait(), 3);
  EXPECT_THAT(errors, HasSubstr("not built yet"));
  EXPECT_THAT(errors, HasSubstr("Step 1/2: FROM\nStep 2/2: RUN\\x1b[2J\n"));
}

TEST(Run, AFailedBuildShowsItsLogAndItsReason) {
  FakeBrigd brigd;
  brigd.on("GET /v1/images", [&](const FakeRequest&) {
    return FakeAnswer{200, R"({"images":[{"provider":"nope","tag":"t","built":false,"stale":false}]})"};
  });
  brigd.on("POST /v1/sessions",
           [&](const FakeRequest&) { return problem(404, "not_found", "the image is not built"); });
  brigd.on("POST /v1/images/nope/build", [&](const FakeRequest&) {
    return FakeAnswer{200,
                      "{\"progress\":{\"step\":\"s\",\"log\":\"E: no such package\"}}\n"
                      "{\"error\":{\"code\":\"unavailable\",\"detail\":\"the registry is away\"}}\n",
                      "application/x-ndjson", true};
  });
  BrigProcess brig(brigd.host(), {"run", "nope"});
  std::string errors = brig.errors();
  EXPECT_THAT(errors, HasSubstr("E: no such package"));
  EXPECT_THAT(errors, HasSubstr("the registry is away"));
  EXPECT_EQ(brig.wait(), 69);
}

TEST(Run, FiftyMegabytesEachWay) {
  FakeBrigd brigd;
  const std::string there = noise(50 * 1024 * 1024, 1);
  const std::string back = noise(50 * 1024 * 1024, 2);
  BrigProcess brig(brigd.host(), {"run", "shell"});
  brigd.process().write(1, back);
  std::thread writer([&] {
    brig.write(there);
    brig.close_stdin();
  });
  std::thread ender([&] {
    EXPECT_TRUE(brigd.process().wait_eof());
    brigd.process().end_with(0);
  });
  std::string got = brig.output();
  writer.join();
  ender.join();
  EXPECT_EQ(brig.wait(), 0);
  EXPECT_EQ(got.size(), back.size());
  EXPECT_EQ(sha1(got), sha1(back));
  EXPECT_EQ(sha1(brigd.process().stdin_now()), sha1(there));
}

// Streams whose bytes tell where they belong, so that one lost or doubled shows at once.
class MortalBrigd : public testing::TestWithParam<unsigned> {};

TEST_P(MortalBrigd, LosesAndDoublesNothing) {
  FakeBrigd brigd;
  brigd.make_mortal(GetParam(), GetParam() % 2 ? 200'000 : 20'000);
  const std::size_t size = GetParam() % 2 ? 3'000'000 : 300'000;
  const std::string there = noise(size, 3);
  const std::string back = noise(size, 4);
  const std::string errors = noise(size / 4, 5);
  BrigProcess brig(brigd.host(), {"run", "shell"});
  std::thread player([&] {
    std::mt19937 random(GetParam());
    std::size_t out = 0, err = 0;
    while (out < back.size() || err < errors.size()) {
      std::size_t n = std::uniform_int_distribution<std::size_t>(1, 5000)(random);
      bool to_err = random() % 4 == 0;
      auto& at = to_err ? err : out;
      const auto& from = to_err ? errors : back;
      brigd.process().write(to_err ? 2 : 1, std::string_view(from).substr(std::min(at, from.size()), n));
      at = std::min(at + n, from.size());
    }
    EXPECT_EQ(brigd.process().wait_stdin(there.size()).size(), there.size());
    EXPECT_TRUE(brigd.process().wait_eof());
    brigd.make_immortal();
    brigd.process().end_with(7);
  });
  std::thread writer([&] {
    brig.write(there);
    brig.close_stdin();
  });
  std::string got_errors;
  std::thread reader([&] { got_errors = brig.errors(); });
  std::string got = brig.output();
  reader.join();
  writer.join();
  player.join();
  EXPECT_EQ(brig.wait(), 7);
  EXPECT_EQ(got.size(), back.size());
  EXPECT_TRUE(got == back);
  EXPECT_TRUE(got_errors == errors);
  EXPECT_TRUE(brigd.process().stdin_now() == there);
  EXPECT_GT(brigd.deaths(), 3u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, MortalBrigd, testing::Range(1u, 7u));

TEST(Run, GoesOnAfterARestart) {
  FakeBrigd brigd;
  BrigProcess brig(brigd.host(), {"run", "shell"});
  brigd.process().write(1, "before ");
  ASSERT_TRUE(brig.wait_output("before"));
  brigd.kill();
  brigd.process().write(1, "between ");
  brig.write("typed while it was away");
  brigd.restart();
  brigd.process().write(1, "after");
  EXPECT_EQ(brigd.process().wait_stdin(23), "typed while it was away");
  brigd.process().end_with(0);
  EXPECT_EQ(brig.output(), "before between after");
  EXPECT_EQ(brig.wait(), 0);
}

TEST(Run, GivesUpInTheEnd) {
  FakeBrigd brigd;
  BrigOptions options;
  options.environment["BRIG_RECONNECT"] = "1";
  BrigProcess brig(brigd.host(), {"run", "shell"}, options);
  brigd.process().write(1, "x");
  ASSERT_TRUE(brig.wait_output("x"));
  brigd.kill();
  std::string errors = brig.errors();
  EXPECT_EQ(brig.wait(), 125);
  EXPECT_THAT(errors, HasSubstr("brig attach"));
}

TEST(Run, PassesSignalsOn) {
  FakeBrigd brigd;
  BrigProcess brig(brigd.host(), {"run", "shell"});
  brigd.process().write(1, "ready");
  ASSERT_TRUE(brig.wait_output("ready"));
  ::kill(brig.pid(), SIGTERM);
  EXPECT_EQ(brigd.process().wait_signal(), "TERM");
  brigd.process().end({{"kind", "signaled"}, {"signal", 15}, {"exit_code", 143}});
  EXPECT_EQ(brig.wait(), 143);
}

TEST(Run, EndsAsAPipeWouldWhenNobodyReads) {
  FakeBrigd brigd;
  BrigProcess brig(brigd.host(), {"run", "shell"});
  brigd.process().write(1, "first line\n");
  ASSERT_TRUE(brig.wait_output("first"));
  brig.close_stdout();
  brigd.process().write(1, "second line\n");
  EXPECT_EQ(brigd.process().wait_signal(), "PIPE");
  EXPECT_EQ(brig.wait(), -SIGPIPE);
}

TEST(Run, ASlowReaderIsWaitedFor) {
  FakeBrigd brigd;
  const std::string back = noise(20 * 1024 * 1024, 6);
  BrigProcess brig(brigd.host(), {"run", "shell"});
  brigd.process().write(1, back);
  // Input still passes while nobody reads the output.
  for (int i = 0; i < 20; ++i) brig.write("input ");
  EXPECT_EQ(brigd.process().wait_stdin(120).size(), 120u);
  EXPECT_LT(brigd.sent(), 8u * 1024 * 1024);
  brigd.process().end_with(0);
  EXPECT_TRUE(brig.output() == back);
  EXPECT_EQ(brig.wait(), 0);
}

TEST(Run, InputIsNotReadAheadOfTheProcess) {
  FakeBrigd brigd;
  brigd.process().hold_acks = true;
  BrigProcess brig(brigd.host(), {"run", "shell"});
  std::string input = noise(64 * 1024, 8);
  brig.write(input);
  EXPECT_TRUE(brigd.process().wait_stdin(input.size()) == input);
  // Its window is full: what comes now stays in the pipe until the process takes something.
  brig.write("more");
  brigd.process().write(1, "x");
  ASSERT_TRUE(brig.wait_output("x"));
  EXPECT_EQ(brigd.process().stdin_now().size(), input.size());
  brigd.process().hold_acks = false;
  EXPECT_EQ(brigd.process().wait_stdin(input.size() + 4).substr(input.size()), "more");
  brigd.process().end_with(0);
  EXPECT_EQ(brig.wait(), 0);
}

TEST(Run, InterruptedBeforeItRunsLeavesNothing) {
  FakeBrigd brigd;
  std::mutex hold;
  hold.lock();
  brigd.on("POST /v1/sessions", [&](const FakeRequest&) {
    std::lock_guard waits(hold);
    return FakeAnswer{201, brigd.session().dump()};
  });
  BrigProcess brig(brigd.host(), {"run", "--name", "fix", "shell"});
  brigd.wait_request("POST /v1/sessions");
  ::kill(brig.pid(), SIGINT);
  EXPECT_EQ(brigd.wait_request("DELETE /v1/sessions/fix").query, "force=1");
  EXPECT_EQ(brig.wait(), 130);
  hold.unlock();
}

TEST(Run, SaysWhyASandboxEnded) {
  struct Case {
    nlohmann::json outcome;
    int code;
    const char* says;
  };
  const Case cases[] = {
      {{{"kind", "out_of_memory"}, {"exit_code", 137}}, 137, "--memory"},
      {{{"kind", "spawn_failed"}, {"exit_code", 127}, {"detail", "nope: not found"}}, 127, "nope: not found"},
      {{{"kind", "lost"}, {"exit_code", 125}}, 125, "lost"},
      {{{"kind", "failed"}, {"exit_code", 125}, {"detail", "the engine said no"}}, 125, "the engine said no"},
      {{{"kind", "stopped"}, {"signal", 15}, {"exit_code", 143}}, 143, ""},
  };
  for (const auto& c : cases) {
    FakeBrigd brigd;
    BrigProcess brig(brigd.host(), {"run", "shell"});
    brigd.process().end(c.outcome);
    EXPECT_THAT(brig.errors(), HasSubstr(c.says));
    EXPECT_EQ(brig.wait(), c.code);
  }
}

}  // namespace
}  // namespace brig::cli::test
