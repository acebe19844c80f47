// brigd, put together: the only place where concrete things meet.
//
// Order: ledger, policies and the supervisor's binary first, for without them there is nothing to serve; then
// the API, so that people get answers; then the engine, which may come and go.
//
// Ownership: owns every part; members are destroyed in the reverse order of need. Threads: run() on the loop.
// Failure: prepare() as Result (the process exits with it); afterwards a part's failure is that part's state.
#pragma once

#include <memory>

#include "config/config.hpp"
#include "core/result.hpp"
#include "net/loop.hpp"

namespace brig::daemon {

class Service {
 public:
  Service(net::Loop& loop, config::Config config);
  ~Service();

  // Opens and reads everything; blocks, before the loop runs.
  Result<void> prepare();
  // Serves until SIGTERM or SIGINT, then stops in order. Sandboxes run on.
  net::Task<void> run();
  bool failed() const { return failed_; }

 private:
  struct Parts;
  net::Task<void> take_stock();
  net::Task<void> recover_volumes();

  net::Loop& loop_;
  config::Config config_;
  std::unique_ptr<Parts> parts_;
  bool failed_ = false;
};

}  // namespace brig::daemon
