// A Docker engine. Nothing here, or in what uses it, ever runs the `docker` program.
//
//   auto engine = docker::connect(endpoint, executor);
//   auto info = co_await engine->containers().inspect("web");
//
// connect() speaks to nobody: the first call agrees on an API version with the engine (1.41 or newer), and so
// does the first after the engine was away. Connections are kept and reused. An engine that hangs, restarts
// or answers nonsense makes calls fail, never hang or crash.
//
// Ownership: the caller's; streams, waits and attachments must go before it, and no call may be under way.
// Threads: the loop's. Failure: as Result of each call.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>

#include "docker/containers.hpp"
#include "docker/endpoint.hpp"
#include "docker/images.hpp"
#include "docker/system.hpp"
#include "docker/volumes.hpp"

namespace brig::docker {

class Engine {
 public:
  virtual ~Engine() = default;

  virtual Containers& containers() = 0;
  virtual Images& images() = 0;
  virtual Volumes& volumes() = 0;
  virtual System& system() = 0;
  virtual const Endpoint& endpoint() const = 0;
};

Result<std::unique_ptr<Engine>> connect(Endpoint endpoint, net::asio::any_io_executor executor);

}  // namespace brig::docker
