// What sessions use, from one look to the next: amounts as the service tells them, and the rates between two.
//
// Ownership: values; Looks remembers the look before. Threads: one. Failure: what an answer does not say, or
// says wrongly, is left out.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace brig::cli {

struct UsedOf {
  std::optional<std::uint64_t> used;
  std::optional<std::uint64_t> limit;
};

struct SessionUsage {
  std::string id, name, owner, mesh, provider, state, reason, project, created;
  std::optional<double> cpu;   // in use now: 1.5 is one and a half CPUs
  std::optional<double> cpus;  // it may use
  UsedOf memory, tasks, disk;
  std::optional<double> sent, received;  // bytes a second
  std::uint64_t open = 0, denied = 0, questions = 0, attached = 0, processes = 0;
};

class Looks {
 public:
  // An answer of GET /v1/stats. Rates are there from a session's second look on.
  std::vector<SessionUsage> add(const nlohmann::json& answer);

 private:
  struct Before {
    std::uint64_t at = 0, cpu = 0, sent = 0, received = 0;
  };
  std::map<std::string, Before> before_;
};

enum class UsageOrder { name, state, cpu, memory, tasks, disk, traffic, age };
inline constexpr const char* kUsageOrders[] = {"name",  "state", "cpu",     "memory",
                                               "tasks", "disk",  "traffic", "age"};
std::optional<UsageOrder> usage_order(std::string_view word);
// The largest first, names and states from a to z; `turned` the other way round.
void sort_usage(std::vector<SessionUsage>& sessions, UsageOrder order, bool turned = false);
// In its name, provider, mesh, owner, state or project; letters of either case.
bool usage_matches(const SessionUsage& session, std::string_view text);

nlohmann::json to_json(const SessionUsage& session);

// "0.53", "12 MiB/1 GiB", "12 KiB/s"; "" for what is not known.
std::string cpu_text(const std::optional<double>& cpu);
std::string amount_text(const UsedOf& amount);
std::string rate_text(const std::optional<double>& rate);

}  // namespace brig::cli
