#include "support.hpp"

namespace brig::docker {
namespace {

net::Task<Result<void>> wait_first(Engine& engine, FakeEngine& fake) {
  static std::atomic<bool> started;
  started = false;
  fake.on("POST", "/containers/x/start", [](Peer& p, const Request&) {
    started = true;
    p.send("HTTP/1.1 204 No Content\r\n\r\n");
  });
  fake.on("POST", "/containers/x/wait", [](Peer& p, const Request& r) {
    EXPECT_EQ(r.query, "condition=next-exit");
    EXPECT_FALSE(started);
    p.start_chunks();
    while (!started) std::this_thread::yield();
    p.chunk(R"({"Error":null,"StatusCode":3})");
    p.end_chunks();
  });
  auto wait = co_await engine.containers().wait("x", WaitFor::next_exit, ample());
  if (!wait) co_return std::move(wait).error();
  auto early = co_await (*wait)->result(Deadline::in(Millis(20)));
  expect_error(early, Code::timeout);
  auto done = co_await engine.containers().start("x", ample());
  if (!done) co_return std::move(done).error();
  auto exit = co_await (*wait)->result(ample());
  if (!exit) co_return std::move(exit).error();
  EXPECT_EQ(exit->code, 3);
  co_return Result<void>{};
}
TEST(Wait, IsRegisteredBeforeTheStart) {
  FakeEngine fake;
  run(fake, wait_first);
}

net::Task<Result<void>> wait_lost(Engine& engine, FakeEngine& fake) {
  fake.on("POST", "/containers/x/wait", [](Peer& p, const Request&) {
    p.start_chunks();
    p.hang();
  });
  auto wait = co_await engine.containers().wait("x", WaitFor::next_exit, ample());
  if (!wait) co_return std::move(wait).error();
  fake.drop_connections();
  auto exit = co_await (*wait)->result(ample());
  expect_error(exit, Code::unavailable);
  fake.on("POST", "/containers/x/wait", [](Peer& p, const Request&) { p.reply(200, "{}"); });
  auto empty = co_await engine.containers().wait("x", WaitFor::next_exit, ample());
  if (!empty) co_return std::move(empty).error();
  auto nothing = co_await (*empty)->result(ample());
  expect_error(nothing, Code::protocol, "StatusCode");
  fake.on("POST", "/containers/x/wait", [](Peer& p, const Request&) { p.hang(); });
  auto hung = co_await engine.containers().wait("x", WaitFor::next_exit, soon());
  expect_error(hung, Code::timeout);
  co_return Result<void>{};
}
TEST(Wait, FailsWhenTheEngineGoes) {
  FakeEngine fake;
  run(fake, wait_lost);
}

net::Task<Result<void>> events(Engine& engine, FakeEngine& fake) {
  fake.on("GET", "/events", [](Peer& p, const Request&) {
    p.start_chunks();
    std::string lines =
        R"({"Type":"container","Action":"start","Actor":{"ID":"a","Attributes":{"name":"n"}},"timeNano":1700000000123456789})"
        "\n\r\n"
        R"({"Type":"container","Action":"die","Actor":{"ID":"a"},"time":1700000001})";
    for (char c : lines) p.chunk(std::string(1, c));
    p.end_chunks();
  });
  EventFilter filter;
  filter.types = {"container"};
  filter.since_ns = 1'700'000'000'000'000'005;
  auto stream = co_await engine.system().events(filter, ample());
  if (!stream) co_return std::move(stream).error();
  EXPECT_NE(fake.seen().back().query.find("since=1700000000.000000005"), std::string::npos);
  auto one = co_await (*stream)->next();
  EXPECT_TRUE(one && *one && (*one)->action == "start" && (*one)->attributes["name"] == "n" &&
              (*one)->time_ns == 1'700'000'000'123'456'789);
  auto two = co_await (*stream)->next();
  EXPECT_TRUE(two && *two && (*two)->action == "die" && (*two)->time_ns == 1'700'000'001'000'000'000);
  for (int i = 0; i < 2; ++i) {
    auto end = co_await (*stream)->next();
    EXPECT_TRUE(end && !*end);
  }
  co_return Result<void>{};
}
TEST(Events, ComeLineByLine) {
  FakeEngine fake;
  run(fake, events);
}

net::Task<Result<void>> bad_events(Engine& engine, FakeEngine& fake) {
  fake.on("GET", "/events", [](Peer& p, const Request&) {
    p.start_chunks();
    while (p.chunk(std::string(100'000, 'x'))) {
    }
  });
  auto endless = co_await engine.system().events({}, ample());
  if (!endless) co_return std::move(endless).error();
  auto line = co_await (*endless)->next();
  expect_error(line, Code::too_large);
  fake.on("GET", "/events", [](Peer& p, const Request&) {
    p.start_chunks();
    p.chunk("oops\n");
    p.hang();
  });
  auto garbage = co_await engine.system().events({}, ample());
  if (!garbage) co_return std::move(garbage).error();
  auto bad = co_await (*garbage)->next();
  expect_error(bad, Code::protocol);
  co_return Result<void>{};
}
TEST(Events, ThatAreNoneAreErrors) {
  FakeEngine fake;
  run(fake, bad_events);
}

net::Task<Result<void>> logs(Engine& engine, FakeEngine& fake) {
  fake.on("GET", "/containers/x/logs", [](Peer& p, const Request&) {
    p.start_chunks(200, kMultiplexed);
    for (char c : frame(1, "out") + frame(2, "err")) p.chunk(std::string(1, c));
    p.end_chunks();
  });
  auto stream = co_await engine.containers().logs("x", {}, ample());
  if (!stream) co_return std::move(stream).error();
  std::string out, err;
  while (true) {
    auto chunk = co_await (*stream)->next();
    if (!chunk) co_return std::move(chunk).error();
    if (!*chunk) break;
    ((*chunk)->channel == Chunk::Channel::out ? out : err) += text((*chunk)->bytes);
  }
  EXPECT_EQ(out, "out");
  EXPECT_EQ(err, "err");
  fake.on("GET", "/containers/x/logs",
          [](Peer& p, const Request&) { p.reply(200, frame(1, "cut off").substr(0, 11), kMultiplexed); });
  auto cut = co_await engine.containers().logs("x", {}, ample());
  if (!cut) co_return std::move(cut).error();
  auto some = co_await (*cut)->next();
  EXPECT_TRUE(some && *some);
  auto broken = co_await (*cut)->next();
  expect_error(broken, Code::protocol, "middle of a frame");
  co_return Result<void>{};
}
TEST(Logs, FramesAreTakenApart) {
  FakeEngine fake;
  run(fake, logs);
}

// Reads slower than the engine can write.
class SlowSink final : public Sink {
 public:
  explicit SlowSink(std::atomic<std::uint64_t>& sent) : sent_(sent) {}
  net::Task<Result<void>> write(std::span<const std::byte> bytes) override {
    auto executor = co_await net::asio::this_coro::executor;
    for (int i = 0; i < 50; ++i) co_await net::asio::post(executor, net::asio::use_awaitable);
    got += bytes.size();
    if (sent_ > got) ahead = std::max(ahead, sent_ - got);
    co_return Result<void>{};
  }
  std::uint64_t got = 0;
  std::uint64_t ahead = 0;

 private:
  std::atomic<std::uint64_t>& sent_;
};

net::Task<Result<void>> slow(Engine& engine, FakeEngine& fake) {
  static std::atomic<std::uint64_t> sent;
  sent = 0;
  fake.on("GET", "/containers/x/archive", [](Peer& p, const Request&) {
    std::string stat = "X-Docker-Container-Path-Stat: eyJuYW1lIjoieCJ9\r\n";  // {"name":"x"}
    p.send("HTTP/1.1 200 OK\r\n" + stat + "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 400; ++i) {
      if (!p.chunk(std::string(50'000, 'x'))) return;
      sent += 50'000;
    }
    p.end_chunks();
  });
  SlowSink sink(sent);
  auto stat = co_await engine.containers().archive_get("x", "/p", sink, ample());
  if (!stat) co_return std::move(stat).error();
  EXPECT_EQ(stat->name, "x");
  EXPECT_EQ(sink.got, 20'000'000u);
  EXPECT_LT(sink.ahead, 2'000'000u) << "what waits for a slow reader is bounded";
  co_return Result<void>{};
}
TEST(Archive, ASlowReaderSlowsTheEngine) {
  FakeEngine fake;
  run(fake, slow);
}

net::Task<Result<void>> pull(Engine& engine, FakeEngine& fake) {
  fake.on("POST", "/images/create", [](Peer& p, const Request&) {
    p.start_chunks();
    p.chunk(R"({"status":"Pulling","id":"latest"})"
            "\n");
    p.chunk(R"({"errorDetail":{"message":"unauthorized: no"},"error":"unauthorized: no"})"
            "\n");
    p.end_chunks();
  });
  PullOptions options;
  options.image = "host:5000/a/b";
  options.auth = RegistryAuth{"host:5000", "me", Secret("pass-word"), {}};
  auto pulled = co_await engine.images().pull(options, {}, ample());
  expect_error(pulled, Code::denied, "unauthorized: no");
  auto seen = fake.seen().back();
  EXPECT_EQ(seen.query, "fromImage=host%3A5000%2Fa%2Fb&tag=latest");
  EXPECT_EQ(seen.headers["x-registry-auth"],
            "eyJwYXNzd29yZCI6InBhc3Mtd29yZCIsInNlcnZlcmFkZHJlc3MiOiJob3N0OjUwMDAiLCJ1c2VybmFtZSI6Im1lIn0=");
  co_return Result<void>{};
}
TEST(Pull, SendsItsCredentialsAndReportsRefusals) {
  FakeEngine fake;
  run(fake, pull);
}

}  // namespace
}  // namespace brig::docker
