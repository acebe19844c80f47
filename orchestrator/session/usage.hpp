// What sessions use of the machine, now.
//
// Ownership: Usages are copies. Threads: the loop's. Failure: as Result; what is not known of one session is
// left out of its Usage.
#pragma once

#include <chrono>
#include <vector>

#include "session/sessions.hpp"

namespace brig::session {

// Something that is used up to a limit, where there is one.
struct Amount {
  std::optional<std::uint64_t> used;
  std::optional<std::uint64_t> limit;
};

struct Traffic {
  std::uint64_t sent = 0;  // bytes, out of the sandbox
  std::uint64_t received = 0;
  std::uint64_t denied = 0;  // connections
  std::size_t open = 0;
  std::size_t questions = 0;  // connections that wait for somebody's word
};

struct Usage {
  View session;
  // By the machine's steady clock: two looks tell a rate.
  std::chrono::microseconds at{};
  std::optional<std::chrono::microseconds> cpu;  // used since its start
  std::optional<double> cpus;                    // how many it may use
  Amount memory;                                 // bytes, without what the kernel would give up at once
  Amount tasks;                                  // processes and threads
  Amount disk;                                   // only where there is a limit
  std::optional<Traffic> traffic;                // through its way out
  int attached = 0;
};

class Usages {
 public:
  virtual ~Usages() = default;
  // Of those the caller sees; what has ended uses nothing.
  virtual net::Task<Result<std::vector<Usage>>> usage(Caller caller, ListFilter filter) = 0;
};

}  // namespace brig::session
