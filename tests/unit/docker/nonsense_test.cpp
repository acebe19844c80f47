// Engines that hang, restart, or answer nonsense: calls fail, in time, and the next one works.
#include <filesystem>

#include "support.hpp"

namespace brig::docker {
namespace {

constexpr auto kPath = "/containers/x/json";

net::Task<Result<ContainerInfo>> inspect(Engine& engine, Deadline deadline) {
  co_return co_await engine.containers().inspect("x", deadline);
}

// Whatever happened before, an engine that answers again is understood again.
net::Task<Result<void>> expect_recovery(Engine& engine, FakeEngine& fake) {
  fake.on("GET", kPath, [](Peer& peer, const Request&) { peer.reply(200, R"({"Id":"x"})"); });
  auto info = co_await inspect(engine, ample());
  if (!info) co_return std::move(info).error();
  co_return Result<void>{};
}

struct Case {
  const char* name;
  fake::Script script;
  Code code;
  const char* part = "";
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"hangs", [](Peer& p, const Request&) { p.hang(); }, Code::timeout, "did not answer in time"},
      {"hangs in the head",
       [](Peer& p, const Request&) {
         p.send("HTTP/1.1 200 OK\r\nContent-");
         p.hang();
       },
       Code::timeout},
      {"hangs in the body",
       [](Peer& p, const Request&) {
         p.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{");
         p.hang();
       },
       Code::timeout},
      {"closes in the body",
       [](Peer& p, const Request&) {
         p.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{");
         p.close();
       },
       Code::unavailable, "broke the connection off"},
      {"closes in a chunk",
       [](Peer& p, const Request&) {
         p.start_chunks();
         p.send("ff\r\n{");
         p.close();
       },
       Code::unavailable},
      {"closes in the head",
       [](Peer& p, const Request&) {
         p.send("HTTP/1.1 200 OK\r\nX");
         p.close();
       },
       Code::unavailable},
      {"closes at once", [](Peer& p, const Request&) { p.close(); }, Code::unavailable},
      {"is no HTTP server",
       [](Peer& p, const Request&) {
         p.send("220 mail.example ESMTP\r\n");
         p.close();
       },
       Code::protocol, "not a Docker engine"},
      {"sends bad chunks",
       [](Peer& p, const Request&) {
         p.start_chunks();
         p.send("zz\r\n{}\r\n");
         p.close();
       },
       Code::unavailable},
      {"sends no JSON", [](Peer& p, const Request&) { p.reply(200, "<html>", "text/html"); }, Code::protocol},
      {"sends a list", [](Peer& p, const Request&) { p.reply(200, "[1,2]"); }, Code::protocol, "no Id"},
      {"nests without end", [](Peer& p, const Request&) { p.reply(200, std::string(500'000, '[')); },
       Code::protocol},
      {"sends too much",
       [](Peer& p, const Request&) { p.reply(200, R"({"Id":")" + std::string(5 << 20, 'x') + "\"}"); },
       Code::too_large},
      {"announces too much",
       [](Peer& p, const Request&) {
         p.start_chunks();
         while (p.chunk(std::string(100'000, ' '))) {
         }
       },
       Code::too_large},
      {"floods the head",
       [](Peer& p, const Request&) {
         p.send("HTTP/1.1 200 OK\r\n");
         for (int i = 0; i < 10'000 && p.send("X-Header: value value value value\r\n"); ++i) {
         }
         p.close();
       },
       Code::too_large},
      {"says 100 for ever",
       [](Peer& p, const Request&) {
         while (p.send("HTTP/1.1 100 Continue\r\n\r\n")) {
         }
       },
       Code::too_large},
      {"redirects",
       [](Peer& p, const Request&) { p.reply(301, "", "text/plain", "Location: http://elsewhere/\r\n"); },
       Code::protocol, "301"},
      {"refuses without words", [](Peer& p, const Request&) { p.reply(500, "\x01\xff"); }, Code::internal,
       "\\x01"},
  };
  return all;
}

class Nonsense : public testing::TestWithParam<std::size_t> {};

fake::Script current;
Code expected_code;
std::string expected_part;

net::Task<Result<void>> one_case(Engine& engine, FakeEngine& fake) {
  fake.on("GET", kPath, current);
  auto info = co_await inspect(engine, expected_code == Code::timeout ? soon() : ample());
  expect_error(info, expected_code, expected_part);
  co_return co_await expect_recovery(engine, fake);
}

TEST_P(Nonsense, IsAnErrorAndPasses) {
  const Case& c = cases()[GetParam()];
  SCOPED_TRACE(c.name);
  current = c.script;
  expected_code = c.code;
  expected_part = c.part;
  FakeEngine fake;
  run(fake, one_case);
}
INSTANTIATE_TEST_SUITE_P(All, Nonsense, testing::Range<std::size_t>(0, cases().size()));

net::Task<Result<void>> tolerated(Engine& engine, FakeEngine& fake) {
  fake.on("GET", kPath, [](Peer& p, const Request&) {
    p.trickle(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: "
        "72\r\n\r\n"
        R"({"Id":"x","Name":"/n","State":"odd","Config":[],"Mounts":[1,{}],"Z":{}})"
        "\n",
        1);
  });
  auto info = co_await inspect(engine, ample());
  if (!info) co_return std::move(info).error();
  EXPECT_EQ(info->name, "n");
  EXPECT_EQ(info->state.status, ContainerStatus::unknown);
  EXPECT_EQ(info->mounts.size(), 2u);
  fake.on("GET", "/containers/json", [](Peer& p, const Request&) {
    p.start_chunks();
    p.trickle("1\r\n[\r\n18\r\n{\"Id\":\"a\",\"Names\":null},\r\n3\r\n7,{\r\n3\r\n}]\n\r\n0\r\n\r\n", 1);
  });
  auto list = co_await engine.containers().list({}, ample());
  if (!list) co_return std::move(list).error();
  EXPECT_EQ(list->size(), 1u);
  co_return Result<void>{};
}
TEST(Answers, MayComeInPiecesWithOddFields) {
  FakeEngine fake;
  run(fake, tolerated);
}

net::Task<Result<void>> reuse(Engine& engine, FakeEngine& fake) {
  for (int i = 0; i < 20; ++i) BRIG_CO_CHECK(co_await expect_recovery(engine, fake));
  EXPECT_EQ(fake.connections(), 1);
  // The engine restarted while the connection was idle.
  fake.drop_connections();
  co_return co_await expect_recovery(engine, fake);
}
TEST(Connections, AreReusedAndReplaced) {
  FakeEngine fake;
  run(fake, reuse);
}

net::Task<void> inspect_for_ever(Engine& engine, bool& returned) {
  auto info = co_await inspect(engine, Deadline::never());
  returned = true;
}

net::Task<Result<void>> cancelled(Engine& engine, FakeEngine& fake) {
  static std::atomic<bool> asked, closed;
  asked = closed = false;
  fake.on("GET", kPath, [](Peer& p, const Request&) {
    asked = true;
    p.hang();
    closed = true;
  });
  auto executor = co_await net::asio::this_coro::executor;
  net::Scope scope(executor, "test");
  bool returned = false;
  scope.spawn(inspect_for_ever(engine, returned));
  while (!asked) co_await net::sleep_for(Millis(1));
  co_await scope.close();
  EXPECT_FALSE(returned);
  while (!closed) co_await net::sleep_for(Millis(1));
  co_return co_await expect_recovery(engine, fake);
}
TEST(Calls, ThatAreCancelledTakeTheirRequestWithThem) {
  FakeEngine fake;
  run(fake, cancelled);
}

net::Task<Result<void>> absent_engine(std::string host) {
  auto executor = co_await net::asio::this_coro::executor;
  auto engine = connect(*parse_endpoint(host), executor);
  if (!engine) co_return std::move(engine).error();
  auto info = co_await (*engine)->system().info(ample());
  expect_error(info, Code::unavailable, "start one, or set DOCKER_HOST");
  AttachOptions options;
  auto attached = co_await (*engine)->containers().attach("x", options, ample());
  expect_error(attached, Code::unavailable, "start one, or set DOCKER_HOST");
  co_return Result<void>{};
}
TEST(Engine, ThatIsNotThereIsNamedWithARemedy) {
  std::string host;
  {
    FakeEngine fake;
    host = fake.host();
  }
  EXPECT_TRUE(net::run_task(absent_engine(host)));
}

net::Task<Result<void>> past_deadline(Engine& engine, FakeEngine&) {
  auto info = co_await inspect(engine, Deadline::in(Millis(-5)));
  expect_error(info, Code::timeout);
  co_return Result<void>{};
}
TEST(Deadlines, ThatHavePassedAreAtOnce) {
  FakeEngine fake;
  run(fake, past_deadline);
}

}  // namespace
}  // namespace brig::docker
