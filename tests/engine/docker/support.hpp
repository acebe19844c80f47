// What the tests of the Engine client share: a client of the private engine, and coroutines run to their end.
//
// Threads: the test's. Failure: a Result that is an error fails the test, with its message.
#pragma once

#include <gtest/gtest.h>

#include "core/random.hpp"
#include "docker/engine.hpp"
#include "harness/engine.hpp"
#include "net/loop.hpp"

namespace brig::docker {

using TestBody = net::Task<Result<void>> (*)(Engine&);

inline const std::string kImage = "brig-test/busybox";

inline net::Task<Result<void>> with_engine(TestBody body) {
  auto endpoint = parse_endpoint(harness::Engine::shared().docker_host());
  if (!endpoint) co_return std::move(endpoint).error();
  auto executor = co_await net::asio::this_coro::executor;
  auto engine = connect(std::move(endpoint).value(), executor);
  if (!engine) co_return std::move(engine).error();
  co_return co_await body(**engine);
}

inline void run(TestBody body) {
  auto made = harness::Engine::shared().ensure_image(kImage);
  ASSERT_TRUE(made) << made.error().message;
  auto done = net::run_task(with_engine(body));
  EXPECT_TRUE(done) << (done ? "" : done.error().message);
}

// {"Image": …, "Cmd": ["sh", "-c", script], "HostConfig": {"NetworkMode": "none"}} and `more` members.
inline std::string shell_body(const std::string& script, const std::string& more = {}) {
  return R"({"Image":")" + kImage + R"(","Cmd":["sh","-c",")" + script +
         R"("],"Labels":{"brig-test":"docker"},"HostConfig":{"NetworkMode":"none","Init":true})" +
         (more.empty() ? "" : "," + more) + "}";
}

inline std::string fresh_name() {
  return "brig-test-" + random_hex(6);
}

// Creates (and starts) a container that runs a shell script.
inline net::Task<Result<std::string>> make(Engine& engine, std::string script, std::string more = {}) {
  CreateOptions options{fresh_name(), shell_body(script, more), {}};
  std::string name = options.name;
  auto created = co_await engine.containers().create(std::move(options));
  if (!created) co_return std::move(created).error();
  co_return name;
}

inline net::Task<Result<std::string>> make_started(Engine& engine, std::string script,
                                                   std::string more = {}) {
  auto name = co_await make(engine, std::move(script), std::move(more));
  if (!name) co_return std::move(name).error();
  auto started = co_await engine.containers().start(*name);
  if (!started) co_return std::move(started).error();
  co_return *name;
}

inline net::Task<Result<void>> drop(Engine& engine, std::string name) {
  Containers::RemoveOptions options{.force = true, .volumes = true};
  co_return co_await engine.containers().remove(std::move(name), options);
}

inline std::string_view text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace brig::docker
