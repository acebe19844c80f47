// A crowd at the door out, of many processes: says "held N" as it grows, stays until its input ends.
#pragma once

#include <string>

namespace brig::escape {

// `kind`: "half" (a request's beginning), "ask" (names that no rule decides), "open" (connections).
int flood(const std::string& kind, int processes);

}  // namespace brig::escape
