// session::Containers on a real engine.
//
// Ownership: borrows the engine. Threads: the loop's. Failure: as docker's.
#pragma once

#include <optional>

#include "docker/engine.hpp"
#include "session/containers.hpp"

namespace brig::session {

class EngineContainers final : public Containers {
 public:
  EngineContainers(docker::Engine& engine, std::string installation)
      : engine_(engine), installation_(std::move(installation)) {}

  net::Task<Result<EngineFacts>> facts() override;
  net::Task<Result<ContainerId>> create(policy::CreateRequest request) override;
  net::Task<Result<void>> start(ContainerId id) override;
  net::Task<Result<void>> pause(std::string name) override;
  net::Task<Result<void>> unpause(std::string name) override;
  net::Task<Result<ContainerState>> inspect(std::string ref) override;
  net::Task<Result<void>> remove(std::string name, SessionId session) override;
  net::Task<Result<std::vector<ContainerState>>> list() override;

  // The engine may have been replaced by another: ask it again.
  void forget_facts() { facts_.reset(); }

 private:
  net::Task<Result<void>> freeze(std::string name, bool paused);

  docker::Engine& engine_;
  std::string installation_;
  std::optional<EngineFacts> facts_;
};

}  // namespace brig::session
