#include "support.hpp"

namespace brig::docker {
namespace {

// `size` bytes in reads of odd sizes; then the end, or silence for ever.
class Pattern final : public Source {
 public:
  explicit Pattern(std::size_t size, bool ends = true) : left_(size), ends_(ends) {}
  net::Task<Result<std::size_t>> read(std::span<std::byte> into) override {
    if (left_ == 0 && !ends_) {
      net::Event never(co_await net::asio::this_coro::executor);
      co_await never.wait();
    }
    std::size_t n = std::min({into.size(), left_, std::size_t{70'001}});
    for (std::size_t i = 0; i < n; ++i) into[i] = static_cast<std::byte>((given + i) % 251);
    given += n;
    left_ -= n;
    co_return n;
  }
  std::size_t given = 0;

 private:
  std::size_t left_;
  bool ends_;
};

bool is_pattern(const std::string& bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (static_cast<unsigned char>(bytes[i]) != i % 251) return false;
  }
  return true;
}

net::Task<Result<void>> whole(Engine& engine, FakeEngine& fake) {
  static std::string body;
  fake.on("PUT", "/containers/x/archive", [](Peer& p, const Request& r) {
    EXPECT_EQ(r.headers.at("content-type"), "application/x-tar");
    body = p.read_chunked();
    p.reply(200, "");
  });
  Pattern source(5'000'000);
  BRIG_CO_CHECK(co_await engine.containers().archive_put("x", "/p", source, ample()));
  EXPECT_EQ(body.size(), 5'000'000u);
  EXPECT_TRUE(is_pattern(body));
  Pattern nothing(0);
  BRIG_CO_CHECK(co_await engine.containers().archive_put("x", "/p", nothing, ample()));
  EXPECT_TRUE(body.empty());
  co_return Result<void>{};
}
TEST(Upload, ArrivesWhole) {
  FakeEngine fake;
  run(fake, whole);
}

net::Task<Result<void>> duplex(Engine& engine, FakeEngine& fake) {
  fake.on("POST", "/build", [](Peer& p, const Request&) {
    p.start_chunks();
    p.chunk("{\"stream\":\"before the context\\n\"}\n");
    std::string body = p.read_chunked();
    p.chunk("{\"stream\":\"got " + std::to_string(body.size()) + "\"}\n{\"aux\":{\"ID\":\"sha256:1\"}}\n");
    p.end_chunks();
  });
  Pattern source(3'000'000);
  BuildOptions options;
  options.tags = {"a:b"};
  options.labels = {{"k", "v"}};
  std::string told;
  auto progress = [&told](const Progress& step) { told += step.text; };
  auto id = co_await engine.images().build(options, source, progress, ample());
  if (!id) co_return std::move(id).error();
  EXPECT_EQ(id->str(), "sha256:1");
  EXPECT_EQ(told, "before the context\ngot 3000000");
  EXPECT_NE(fake.seen().back().query.find("version=1&t=a%3Ab"), std::string::npos);
  co_return Result<void>{};
}
TEST(Upload, ProgressComesMeanwhile) {
  FakeEngine fake;
  run(fake, duplex);
}

net::Task<Result<void>> refused_early(Engine& engine, FakeEngine& fake) {
  fake.on("PUT", "/containers/x/archive", [](Peer& p, const Request&) {
    p.reply(404, R"({"message":"no such directory"})");
    p.hang();
  });
  Pattern source(50'000'000);
  auto put = co_await engine.containers().archive_put("x", "/p", source, ample());
  expect_error(put, Code::not_found, "no such directory");
  EXPECT_LT(source.given, 50'000'000u) << "the rest is not sent";
  // The same while the source has nothing to give.
  Pattern silent(10, false);
  auto again = co_await engine.containers().archive_put("x", "/p", silent, ample());
  expect_error(again, Code::not_found, "no such directory");
  co_return Result<void>{};
}
TEST(Upload, ARefusalNeedNotWaitForItsEnd) {
  FakeEngine fake;
  run(fake, refused_early);
}

net::Task<Result<void>> stalls(Engine& engine, FakeEngine& fake) {
  static std::atomic<bool> release;
  release = false;
  fake.on("PUT", "/containers/x/archive", [](Peer&, const Request&) {
    while (!release) std::this_thread::yield();
  });
  Pattern source(50'000'000);
  auto put = co_await engine.containers().archive_put("x", "/p", source, soon());
  release = true;
  expect_error(put, Code::timeout);
  EXPECT_LT(source.given, 10'000'000u) << "an engine that does not read stops the source";
  fake.on("PUT", "/containers/x/archive", [](Peer& p, const Request&) {
    p.read_some();
    p.close();
  });
  Pattern more(50'000'000);
  auto dead = co_await engine.containers().archive_put("x", "/p", more, ample());
  expect_error(dead, Code::unavailable);
  Pattern silent(10, false);
  auto gone = co_await engine.containers().archive_put("x", "/p", silent, ample());
  expect_error(gone, Code::unavailable);
  co_return Result<void>{};
}
TEST(Upload, EndsWhenTheEngineStallsOrDies) {
  FakeEngine fake;
  run(fake, stalls);
}

net::Task<void> put_for_ever(Engine& engine, bool& source_alive) {
  Pattern source(10, false);
  source_alive = true;
  auto put = co_await engine.containers().archive_put("x", "/p", source, Deadline::never());
  ADD_FAILURE() << "it returned";
}

net::Task<Result<void>> cancelled(Engine& engine, FakeEngine& fake) {
  static std::atomic<bool> asked;
  asked = false;
  fake.on("PUT", "/containers/x/archive", [](Peer& p, const Request&) {
    asked = true;
    p.hang();
  });
  auto executor = co_await net::asio::this_coro::executor;
  net::Scope scope(executor, "test");
  bool alive = false;
  scope.spawn(put_for_ever(engine, alive));
  while (!asked) co_await net::sleep_for(Millis(1));
  co_await scope.close();
  EXPECT_TRUE(alive);
  BRIG_CO_CHECK(co_await engine.system().ping(ample()));
  co_return Result<void>{};
}
TEST(Upload, CanBeCancelled) {
  FakeEngine fake;
  fake.on("GET", "/_ping", [](Peer& p, const Request&) { p.reply(200, "OK", "text/plain"); });
  run(fake, cancelled);
}

}  // namespace
}  // namespace brig::docker
