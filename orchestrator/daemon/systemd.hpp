// Tells systemd how we are (sd_notify's protocol), where it started us.
//
// Threads: any. Failure: silent; who did not start us does not listen.
#pragma once

#include <optional>
#include <string_view>

#include "core/clock.hpp"

namespace brig::daemon {

void notify(std::string_view state);  // "READY=1", "STOPPING=1", "WATCHDOG=1"

// How long we may be silent before we are taken for stuck; none where nobody watches.
std::optional<Millis> watchdog_limit();

}  // namespace brig::daemon
