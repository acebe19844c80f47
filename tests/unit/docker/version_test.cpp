#include "support.hpp"

namespace brig::docker {
namespace {

FakeOptions version(std::string text) {
  FakeOptions options;
  options.version = std::move(text);
  return options;
}

net::Task<Result<void>> call_once(Engine& engine, FakeEngine& fake) {
  fake.on("GET", "/containers/x/json", [](Peer& peer, const Request&) { peer.reply(200, R"({"Id":"x"})"); });
  auto info = co_await engine.containers().inspect("x", ample());
  if (!info) co_return std::move(info).error();
  co_return Result<void>{};
}

std::string spoken(std::string answer) {
  FakeEngine fake(version(std::move(answer)));
  auto done = net::run_task(with_client(fake, call_once));
  return done ? fake.seen().back().version : done.error().message;
}

TEST(Version, IsTheNewestBothKnow) {
  EXPECT_EQ(spoken(R"({"Version":"20.10","ApiVersion":"1.41","MinAPIVersion":"1.12"})"), "1.41");
  EXPECT_EQ(spoken(R"({"Version":"24","ApiVersion":"1.43","MinAPIVersion":"1.12"})"), "1.43");
  EXPECT_EQ(spoken(R"({"Version":"29","ApiVersion":"1.52","MinAPIVersion":"1.44"})"), "1.47");
  EXPECT_EQ(spoken(R"({"Version":"x","ApiVersion":"1.45"})"), "1.45");
}

TEST(Version, TooOldAndTooNewNameTheRemedy) {
  EXPECT_NE(spoken(R"({"Version":"19.03","ApiVersion":"1.40"})").find("upgrade it to Docker 20.10"),
            std::string::npos);
  EXPECT_NE(spoken(R"({"Version":"40","ApiVersion":"1.90","MinAPIVersion":"1.80"})").find("upgrade Brig"),
            std::string::npos);
  EXPECT_NE(spoken(R"({"Version":"x"})").find("no API version"), std::string::npos);
  EXPECT_NE(spoken(R"({"ApiVersion":"1.x"})").find("no API version"), std::string::npos);
  EXPECT_NE(spoken("[]").find("no API version"), std::string::npos);
  EXPECT_NE(spoken("<html>").find("not JSON"), std::string::npos);
}

net::Task<Result<void>> upgraded(Engine& engine, FakeEngine& fake) {
  auto first = co_await call_once(engine, fake);
  if (!first) co_return std::move(first).error();
  // The engine was replaced by one that refuses what the old one spoke.
  fake.on("GET", "/version", [](Peer& peer, const Request&) {
    peer.reply(200, R"({"Version":"29","ApiVersion":"1.52","MinAPIVersion":"1.44"})");
  });
  fake.on("GET", "/containers/x/json", [](Peer& peer, const Request& request) {
    if (request.version == "1.47") {
      peer.reply(200, R"({"Id":"x"})");
    } else {
      peer.reply(400,
                 R"({"message":"client version 1.43 is too old. Minimum supported API version is 1.44"})");
    }
  });
  auto refused = co_await engine.containers().inspect("x", ample());
  expect_error(refused, Code::invalid, "too old");
  auto again = co_await engine.containers().inspect("x", ample());
  if (!again) co_return std::move(again).error();
  co_return Result<void>{};
}

TEST(Version, IsAgreedAnewWhenTheEngineWasReplaced) {
  FakeEngine fake;
  run(fake, upgraded);
}

}  // namespace
}  // namespace brig::docker
