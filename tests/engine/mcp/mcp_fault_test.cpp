// What becomes of calls in flight when what carries them is killed: each gets an answer or an error, and
// afterwards everything runs again.
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>

#include "brigd.hpp"
#include "node_kit.hpp"
#include "talk.hpp"

namespace brig::test {
namespace {

namespace fs = std::filesystem;
using harness::Engine;

const Images kImages{BRIG_SOURCE_DIR "/images", "brig-real", "auto"};

class McpFault : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    brigd.emplace("", "", kImages);
    done(*brigd, {"image", "build", "node"});
    auto dir = brigd->project("server");
    for (const char* file : {"index.mjs", "package.json"})
      fs::copy_file(fs::path(SERVER_DIR) / file, dir / file);
    done(*brigd, {"service", "deploy", "one", "--dir", dir.string(), "--mesh", "acme"});
  }
  static void TearDownTestSuite() {
    brigd->brig({"service", "rm", "one", "--mesh", "acme"});
    brigd->remove_volumes();
    brigd->expect_nothing_left();
    brigd.reset();
  }
  static std::string container() {
    auto shown =
        json::parse(done(*brigd, {"service", "show", "one", "--mesh", "acme", "--json"}), nullptr, false);
    for (const auto& session : brigd->sessions())
      if (session["id"] == shown["session"]) return session.value("container", "");
    return "none";
  }
  // The server itself, which process 1 of its sandbox has started beside a helper of its own.
  static pid_t server() {
    auto inspected = Engine::shared().request("GET", "/containers/" + container() + "/json");
    auto first = inspected ? json::parse(*inspected)["State"].value("Pid", 0) : 0;
    auto name = std::to_string(first);
    std::ifstream children("/proc/" + name + "/task/" + name + "/children");
    for (pid_t child = 0; children >> child;) {
      std::string program;
      std::ifstream("/proc/" + std::to_string(child) + "/comm") >> program;
      if (program == "node") return child;
    }
    ADD_FAILURE() << "no server under " << name;
    return 0;
  }

  static void send(pid_t process, int signal) {
    ASSERT_GT(process, 0);
    EXPECT_EQ(::kill(process, signal), 0);
  }

  // Two callers who wait for an answer.
  struct Calls {
    Talk talk{*brigd, {"acme"}};
    int by_gateway = 0;
    std::optional<harness::Child> by_api;
  };
  static std::unique_ptr<Calls> begin_calls() {
    auto calls = std::make_unique<Calls>();
    auto& talk = calls->talk;
    talk.hello();
    // Calls that an earlier brigd brought wait there still.
    auto before = std::stoi(talk.call("one__waiting"));
    auto waits = [&](int count) {
      auto all = std::to_string(before + count);
      return eventually([&] { return talk.call("one__waiting") == all; }, "calls are in flight");
    };
    calls->by_gateway = talk.ask("tools/call", {{"name", "one__wait"}});
    if (!waits(1)) return nullptr;
    auto options = brigd->options();
    options.pipe_out = options.pipe_err = true;
    auto child =
        harness::Child::spawn(brigd->command({"service", "call", "one", "wait", "--mesh", "acme"}), options);
    if (!child || !waits(2)) return nullptr;
    calls->by_api.emplace(std::move(*child));
    return calls;
  }

  static void survives(const std::function<void()>& fault) {
    auto calls = begin_calls();
    ASSERT_TRUE(calls);
    fault();
    auto& talk = calls->talk;
    EXPECT_TRUE(talk.answer(calls->by_gateway).contains("error"));
    auto code = calls->by_api->wait();
    EXPECT_TRUE(code && *code != 0);
    EXPECT_TRUE(eventually(
        [&] {
          auto id = talk.ask("tools/call", {{"name", "one__echo"}, {"arguments", {{"message", "again"}}}});
          auto said = talk.answer(id);
          return said.contains("result") && said["result"]["content"][0]["text"] == "again";
        },
        "calls work again"));
    EXPECT_EQ(talk.finish(), 0);
  }

  inline static std::optional<Brigd> brigd;
};

TEST_F(McpFault, TheServerIsKilled) {
  survives([] { send(server(), SIGKILL); });
}

TEST_F(McpFault, ItsContainerIsKilled) {
  survives([] {
    auto killed = Engine::shared().request("POST", "/containers/" + container() + "/kill?signal=KILL");
    EXPECT_TRUE(killed) << killed.error().message;
  });
}

TEST_F(McpFault, BrigdIsKilled) {
  survives([] {
    brigd->kill_hard();
    brigd->start();
  });
}

TEST_F(McpFault, TheEngineIsKilled) {
  survives([] {
    auto pid = Engine::shared().daemon_pid();
    ASSERT_TRUE(pid);
    ::kill(*pid, SIGKILL);
    ASSERT_TRUE(Engine::shared().wait_ready());
  });
}

// Who is asked to stop lets the calls in flight be answered first.
TEST_F(McpFault, APoliteRestartLosesNoAnswer) {
  auto answering = server();
  auto calls = begin_calls();
  ASSERT_TRUE(calls);
  ::kill(brigd->pid(), SIGTERM);
  ASSERT_TRUE(eventually([] { return brigd->log().find("stopping") != std::string::npos; }, "it stops"));
  send(answering, SIGUSR2);
  EXPECT_EQ(brigd->stop_politely(), 0);
  EXPECT_EQ(calls->talk.answer(calls->by_gateway)["result"]["content"][0]["text"], "released");
  auto code = calls->by_api->wait();
  EXPECT_TRUE(code && *code == 0);
  brigd->start();
}

}  // namespace
}  // namespace brig::test
