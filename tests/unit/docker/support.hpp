// What the tests of the Engine client share: a client of a fake engine, and coroutines run to their end.
//
// Threads: the test's, and the fake engine's own. Failure: a Result that is an error fails the test.
#pragma once

#include <gtest/gtest.h>

#include "docker/engine.hpp"
#include "fake_engine/fake_engine.hpp"
#include "net/loop.hpp"
#include "net/scope.hpp"

namespace brig::docker {

using fake::FakeEngine;
using fake::FakeOptions;
using fake::Peer;
using fake::Request;

using Body = net::Task<Result<void>> (*)(Engine&, FakeEngine&);

inline net::Task<Result<void>> with_client(FakeEngine& fake, Body body) {
  auto endpoint = parse_endpoint(fake.host());
  if (!endpoint) co_return std::move(endpoint).error();
  auto executor = co_await net::asio::this_coro::executor;
  auto engine = connect(std::move(endpoint).value(), executor);
  if (!engine) co_return std::move(engine).error();
  co_return co_await body(**engine, fake);
}

inline void run(FakeEngine& fake, Body body) {
  auto done = net::run_task(with_client(fake, body));
  EXPECT_TRUE(done) << (done ? "" : done.error().message);
}

inline Deadline soon() {
  return Deadline::in(Millis(100));
}
inline Deadline ample() {
  return Deadline::in(std::chrono::seconds(60));
}

template <class R>
void expect_error(const R& result, Code code, std::string_view part = {}) {
  ASSERT_FALSE(result) << "expected " << to_string(code);
  EXPECT_EQ(result.error().code, code) << result.error().message;
  EXPECT_NE(result.error().message.find(part), std::string::npos) << result.error().message;
}

inline std::string_view text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline std::string frame(int channel, std::string_view bytes) {
  std::string out{static_cast<char>(channel), 0, 0, 0};
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(bytes.size() >> shift & 255);
  return out + std::string(bytes);
}

inline constexpr auto kMultiplexed = "application/vnd.docker.multiplexed-stream";
inline constexpr auto kRaw = "application/vnd.docker.raw-stream";

}  // namespace brig::docker
