// What brigd uses itself, by the names that Prometheus knows such things by.
//
// Threads: any. Failure: what cannot be read is told as 0.
#pragma once

#include "core/metrics.hpp"

namespace brig::daemon {

void register_own_metrics(metrics::Registry& registry);

}  // namespace brig::daemon
