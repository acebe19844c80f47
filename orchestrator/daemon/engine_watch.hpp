// Keeps an eye on the engine: is it there, and did something of ours happen in it?
//
// Ownership: borrows. Threads: the loop's. Failure: an engine that is away is a state; it is asked again,
// less and less often, up to every five seconds.
#pragma once

#include <functional>
#include <string>

#include "core/names.hpp"
#include "docker/engine.hpp"
#include "net/task.hpp"

namespace brig::daemon {

class EngineWatch {
 public:
  EngineWatch(docker::Engine& engine, std::string installation)
      : engine_(engine), installation_(std::move(installation)) {}

  std::function<void()> on_return;  // it answers (again): what was known of it may be stale
  std::function<void()> on_change;  // a container of ours died or went
  std::function<void(const SessionId&)> on_create;

  net::Task<void> run();
  bool answers() const { return answers_; }
  const std::string& why_not() const { return why_not_; }

 private:
  net::Task<Result<void>> follow();
  void lost(const Error& error);

  docker::Engine& engine_;
  std::string installation_;
  bool answers_ = false;
  std::string why_not_ = "it has not been asked yet";
};

}  // namespace brig::daemon
