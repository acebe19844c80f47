// The full-screen view of `brig top`: asks again and again, draws, and does what the person types.
//
// Ownership: has the terminal while it runs, and gives it back as it was, whatever ends it short of SIGKILL.
// Threads: one. Failure: as Result; a service that does not answer is said on the screen, and asked again.
#pragma once

#include "cli/context.hpp"
#include "cli/top/usage.hpp"
#include "core/clock.hpp"

namespace brig::cli {

struct TopOptions {
  std::string query;  // of GET /v1/stats
  UsageOrder order = UsageOrder::cpu;
  Millis every{2'000};
};

Result<int> watch_usage(Context& context, const TopOptions& options);

}  // namespace brig::cli
