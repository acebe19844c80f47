// What sessions need of the engine, and no more.
//
// An interface, so that the life of a session can be tested against an engine that fails on demand.
//
// Threads: the loop's. Failure: as Result, with the engine's own message.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/names.hpp"
#include "core/result.hpp"
#include "net/task.hpp"
#include "policy/compile.hpp"

namespace brig::session {

struct EngineFacts {
  std::vector<std::string> runtimes;
  unsigned cgroup = 1;
};

struct ContainerState {
  ContainerId id;
  std::string name;
  SessionId session;  // by its label; empty if it has none
  bool running = false;
  bool out_of_memory = false;
  bool paused = false;  // then it is running, too
  bool ended = false;   // it ran, and does not any more; known of those in list()
};

class Containers {
 public:
  virtual ~Containers() = default;
  virtual net::Task<Result<EngineFacts>> facts() = 0;
  // A name already taken is `conflict`: names are deterministic, so what has it is ours and stale, or
  // foreign.
  virtual net::Task<Result<ContainerId>> create(policy::CreateRequest request) = 0;
  virtual net::Task<Result<void>> start(ContainerId id) = 0;
  // Asking for what is so already is no error.
  virtual net::Task<Result<void>> pause(std::string name) = 0;
  virtual net::Task<Result<void>> unpause(std::string name) = 0;
  // By id or name; not_found if there is none.
  virtual net::Task<Result<ContainerState>> inspect(std::string ref) = 0;
  // Kills it if it runs. No error if it is not there. Removes it only if it carries `session` as its label.
  virtual net::Task<Result<void>> remove(std::string name, SessionId session) = 0;
  // All that carry this installation's label, in any state.
  virtual net::Task<Result<std::vector<ContainerState>>> list() = 0;
};

}  // namespace brig::session
