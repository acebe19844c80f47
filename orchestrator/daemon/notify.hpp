// Tells systemd how we are (sd_notify's protocol), where it started us.
//
// Threads: any. Failure: silent; who did not start us does not listen.
#pragma once

#include <string_view>

namespace brig::daemon {

void notify(std::string_view state);  // "READY=1", "STOPPING=1"

}  // namespace brig::daemon
