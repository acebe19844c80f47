// Inside the library: one table of every number a policy limits; parser, resolver, hash and explain walk it.
//
// Threads: any. Failure: kept in the reader.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>

#include "policy/document.hpp"
#include "policy/values.hpp"

namespace brig::policy {

enum class Measure { bytes, cpus, count, score };

struct LimitInfo {
  std::string_view key;
  std::optional<std::uint64_t> Asked::*asked;
  std::uint64_t Limits<std::uint64_t>::*value;
  Measure measure;
  std::uint64_t standard;  // where nobody says anything
  std::uint64_t least;     // what a sandbox cannot live without
  std::uint64_t most;      // what kernel and engine can take
  bool is_floor;           // the bound is from below: oom_score_adj
};

std::span<const LimitInfo> limit_table();

std::string format_limit(const LimitInfo& info, std::uint64_t value);
nlohmann::json limit_to_json(const LimitInfo& info, std::uint64_t value);

// Reads every limit; refuses what lies outside least … most.
Asked read_limits(Reader& reader);

// The stricter of the two.
std::uint64_t stricter(const LimitInfo& info, std::uint64_t a, std::uint64_t b);
// Does `asked` go beyond `bound`?
bool beyond(const LimitInfo& info, std::uint64_t asked, std::uint64_t bound);

}  // namespace brig::policy
