#include "support.hpp"

namespace brig::docker {
namespace {

FakeOptions with_tls() {
  FakeOptions options;
  options.tls = true;
  return options;
}

net::Task<Result<void>> use(FakeEngine& fake, Body body) {
  auto endpoint = parse_endpoint(fake.host());
  if (!endpoint) co_return std::move(endpoint).error();
  const std::string& dir = fake.certificates().dir;
  endpoint->tls = Endpoint::Tls{dir + "/ca.pem", dir + "/cert.pem", dir + "/key.pem", true};
  auto executor = co_await net::asio::this_coro::executor;
  auto engine = connect(std::move(endpoint).value(), executor);
  if (!engine) co_return std::move(engine).error();
  co_return co_await body(**engine, fake);
}

net::Task<Result<void>> calls(Engine& engine, FakeEngine& fake) {
  fake.on("GET", "/containers/x/json", [](Peer& p, const Request&) { p.reply(200, R"({"Id":"x"})"); });
  fake.on("POST", "/containers/x/attach", [](Peer& p, const Request&) {
    p.send("HTTP/1.1 101 UPGRADED\r\nContent-Type: " + std::string(kRaw) + "\r\n\r\nearly;");
    std::string got, piece;
    while (!(piece = p.read_some()).empty()) got += piece;
    p.send("got " + std::to_string(got.size()));
    p.close_write();
    p.close();
  });
  for (int i = 0; i < 3; ++i) {
    auto info = co_await engine.containers().inspect("x", ample());
    if (!info) co_return std::move(info).error();
  }
  EXPECT_EQ(fake.connections(), 1);
  AttachOptions options{.in = true};
  auto attached = co_await engine.containers().attach("x", options, ample());
  if (!attached) co_return std::move(attached).error();
  std::string input(1'000'000, 'i');
  BRIG_CO_CHECK(co_await (*attached)->write(std::as_bytes(std::span(input))));
  BRIG_CO_CHECK(co_await (*attached)->close_write());
  std::string all;
  while (true) {
    auto chunk = co_await (*attached)->next();
    if (!chunk) co_return std::move(chunk).error();
    if (!*chunk) break;
    all += text((*chunk)->bytes);
  }
  EXPECT_EQ(all, "early;got 1000000");
  co_return Result<void>{};
}
TEST(Tls, CarriesCallsAndAttachments) {
  FakeEngine fake(with_tls());
  auto done = net::run_task(use(fake, calls));
  EXPECT_TRUE(done) << (done ? "" : done.error().message);
}

net::Task<Result<void>> strangers(FakeEngine& fake, FakeEngine& other) {
  auto executor = co_await net::asio::this_coro::executor;
  auto endpoint = parse_endpoint(fake.host());
  const std::string& mine = fake.certificates().dir;
  const std::string& theirs = other.certificates().dir;
  endpoint->tls = Endpoint::Tls{theirs + "/ca.pem", mine + "/cert.pem", mine + "/key.pem", true};
  auto wrong = connect(*endpoint, executor);
  auto info = co_await (*wrong)->system().version(ample());
  expect_error(info, Code::unavailable, "DOCKER_CERT_PATH");
  endpoint->tls = Endpoint::Tls{mine + "/ca.pem", theirs + "/cert.pem", theirs + "/key.pem", true};
  auto stranger = connect(*endpoint, executor);
  auto refused = co_await (*stranger)->system().version(ample());
  EXPECT_FALSE(refused);
  endpoint->tls = Endpoint::Tls{mine + "/absent.pem", "", "", true};
  auto absent = connect(*endpoint, executor);
  auto unread = co_await (*absent)->system().version(ample());
  expect_error(unread, Code::unavailable, "DOCKER_CERT_PATH");
  endpoint->tls.reset();
  auto plain = connect(*endpoint, executor);
  auto nonsense = co_await (*plain)->system().version(ample());
  EXPECT_FALSE(nonsense);
  co_return Result<void>{};
}
TEST(Tls, StrangersAreRefused) {
  FakeEngine fake(with_tls()), other(with_tls());
  EXPECT_TRUE(net::run_task(strangers(fake, other)));
}

}  // namespace
}  // namespace brig::docker
