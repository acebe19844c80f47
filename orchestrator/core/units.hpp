// Sizes and durations as people write them.
//
// "512", "512M", "1.5 GiB", "20kB" (K, M, G, T are powers of 1024, as Docker reads them);
// "90", "90s", "1h30m", "500ms", "7d". Refusals name the accepted spellings.
// Threads: any. Failure: Error{invalid}.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/clock.hpp"
#include "core/result.hpp"

namespace brig {

Result<std::uint64_t> parse_size(std::string_view text);
Result<Millis> parse_duration(std::string_view text);

std::string format_size(std::uint64_t bytes);  // "1.5 GiB"
std::string format_duration(Millis duration);  // "2h 5m"
std::string format_time(WallTime time);        // 2026-01-31T12:00:00.000Z

}  // namespace brig
