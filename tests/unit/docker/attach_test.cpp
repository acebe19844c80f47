#include "support.hpp"

namespace brig::docker {
namespace {

constexpr auto kPath = "/containers/x/attach";
const std::string kUpgraded =
    "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: ";

net::Task<Result<std::string>> read_all(Attachment& attachment) {
  std::string all;
  while (true) {
    auto chunk = co_await attachment.next();
    if (!chunk) co_return std::move(chunk).error();
    if (!*chunk) co_return all;
    all += text((*chunk)->bytes);
  }
}

net::Task<Result<std::unique_ptr<Attachment>>> attach(Engine& engine, Deadline deadline) {
  AttachOptions options{.in = true};
  co_return co_await engine.containers().attach("x", options, deadline);
}

net::Task<Result<void>> echo(Engine& engine, FakeEngine& fake) {
  fake.on("POST", kPath, [](Peer& p, const Request& r) {
    EXPECT_EQ(r.headers.at("upgrade"), "tcp");
    // What comes behind the head in one piece belongs to the stream.
    p.send(kUpgraded + kRaw + "\r\n\r\nearly;");
    std::string got, piece;
    while (!(piece = p.read_some()).empty()) got += piece;
    p.trickle("got " + std::to_string(got.size()), 1);
    p.close();
  });
  auto attached = co_await attach(engine, ample());
  if (!attached) co_return std::move(attached).error();
  auto early = co_await (*attached)->next();
  EXPECT_TRUE(early && *early && text((*early)->bytes) == "early;");
  std::string input(1'000'000, 'i');
  BRIG_CO_CHECK(co_await (*attached)->write(std::as_bytes(std::span(input))));
  BRIG_CO_CHECK(co_await (*attached)->close_write());
  auto all = co_await read_all(**attached);
  if (!all) co_return std::move(all).error();
  EXPECT_EQ(*all, "got 1000000");
  co_return Result<void>{};
}
TEST(Attach, KeepsEarlyBytesAndHalfCloses) {
  FakeEngine fake;
  run(fake, echo);
}

net::Task<Result<void>> split_head(Engine& engine, FakeEngine& fake) {
  fake.on("POST", kPath, [](Peer& p, const Request&) {
    p.trickle(kUpgraded + kMultiplexed + "\r\n\r\n" + frame(1, "one") + frame(2, "two"), 1);
    p.close();
  });
  auto attached = co_await attach(engine, ample());
  if (!attached) co_return std::move(attached).error();
  auto all = co_await read_all(**attached);
  if (!all) co_return std::move(all).error();
  EXPECT_EQ(*all, "onetwo");
  co_return Result<void>{};
}
TEST(Attach, HeadAndFramesMayComeInPieces) {
  FakeEngine fake;
  run(fake, split_head);
}

net::Task<Result<void>> refused(Engine& engine, FakeEngine& fake) {
  fake.on("POST", kPath, [](Peer& p, const Request&) { p.reply(409, R"({"message":"is paused"})"); });
  auto conflict = co_await attach(engine, ample());
  expect_error(conflict, Code::conflict, "is paused");
  fake.on("POST", kPath, [](Peer& p, const Request&) { p.reply(200, "one-way"); });
  auto one_way = co_await attach(engine, ample());
  expect_error(one_way, Code::protocol, "instead of 101");
  fake.on("POST", kPath, [](Peer& p, const Request&) { p.hang(); });
  auto hung = co_await attach(engine, soon());
  expect_error(hung, Code::timeout);
  fake.on("POST", kPath, [](Peer& p, const Request&) {
    while (p.send(std::string(1000, 'x'))) {
    }
  });
  auto endless = co_await attach(engine, ample());
  expect_error(endless, Code::protocol, "head is too long");
  fake.on("POST", kPath, [](Peer& p, const Request&) {
    p.send("HTTP/1.1 101 UPG");
    p.close();
  });
  auto cut = co_await attach(engine, ample());
  expect_error(cut, Code::protocol, "within its head");
  fake.on("POST", kPath, [](Peer& p, const Request&) {
    p.send("SSH-2.0-x\r\n\r\n");
    p.close();
  });
  auto other = co_await attach(engine, ample());
  expect_error(other, Code::protocol, "not HTTP");
  fake.on("POST", kPath, [](Peer& p, const Request&) {
    p.send(kUpgraded + kMultiplexed + "\r\n\r\n" + frame(1, "abc").substr(0, 10));
    p.close();
  });
  auto halved = co_await attach(engine, ample());
  if (!halved) co_return std::move(halved).error();
  auto all = co_await read_all(**halved);
  expect_error(all, Code::protocol, "middle of a frame");
  co_return Result<void>{};
}
TEST(Attach, NonsenseIsAnError) {
  FakeEngine fake;
  run(fake, refused);
}

net::Task<Result<void>> gone(Engine& engine, FakeEngine& fake) {
  fake.on("POST", kPath, [](Peer& p, const Request&) {
    p.send(kUpgraded + kRaw + "\r\n\r\n");
    p.close();
  });
  auto attached = co_await attach(engine, ample());
  if (!attached) co_return std::move(attached).error();
  auto all = co_await read_all(**attached);
  EXPECT_TRUE(all && all->empty());
  std::string input(4'000'000, 'i');
  auto wrote = co_await (*attached)->write(std::as_bytes(std::span(input)));
  expect_error(wrote, Code::unavailable);
  co_return Result<void>{};
}
TEST(Attach, WritingToAnEngineThatWentIsAnError) {
  FakeEngine fake;
  run(fake, gone);
}

}  // namespace
}  // namespace brig::docker
