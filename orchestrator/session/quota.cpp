#include "session/quota.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/text.hpp"
#include "core/units.hpp"
#include "policy/request.hpp"
#include "session/records.hpp"

namespace brig::session {
namespace {

struct Used {
  std::uint64_t sessions = 0;
  std::uint64_t memory = 0;
  std::uint64_t disk = 0;
};

void add_row(Used& used, const store::SessionRow& row) {
  auto policy = policy::parse_request(nlohmann::json::parse(row.policy_json, nullptr, false));
  if (policy) used.disk += policy->limits.disk.value_or(0);
  if (state_of(row.phase) == State::ended) return;
  ++used.sessions;
  if (policy) used.memory += policy->limits.memory.value_or(0);
}

}  // namespace

const Quota& Quotas::of(const std::string& owner) const {
  auto it = options_.owners.find(owner);
  return it == options_.owners.end() ? options_.standard : it->second;
}

Error Quotas::refuse(std::string_view quota, const std::string& owner, std::string used, std::string bound,
                     std::string remedy, Code code) const {
  metrics_
      .counter("brig_quota_refusals_total", "Starts refused for a quota of their owner, by quota.",
               {{"quota", std::string(quota)}})
      .add();
  return {code,
          "the quota '" + std::string(quota) + "' of " + quoted(owner) + " is used up: " + used + " of " +
              bound + "; " + remedy,
          "quota", true};
}

double Quotas::filled(const std::string& owner) const {
  auto most = static_cast<double>(of(owner).starts_per_minute);
  auto it = buckets_.find(owner);
  if (it == buckets_.end()) return most;
  auto seconds = std::chrono::duration<double>(clock_.steady() - it->second.at).count();
  return std::min(most, it->second.tokens + std::max(seconds, 0.0) * most / 60);
}

Millis Quotas::wait(const std::string& owner) const {
  auto most = of(owner).starts_per_minute;
  if (most == 0) return Millis(0);
  auto missing = 1 - filled(owner);
  if (missing <= 0) return Millis(0);
  return Millis{static_cast<Millis::rep>(std::ceil(missing * 60'000 / static_cast<double>(most)))};
}

Result<void> Quotas::start(const std::string& owner) {
  auto most = of(owner).starts_per_minute;
  if (most == 0) return {};
  // Full buckets say nothing; without them there are never more than those who started in the last minute.
  std::erase_if(buckets_, [&](const auto& entry) {
    return filled(entry.first) >= static_cast<double>(of(entry.first).starts_per_minute);
  });
  auto tokens = filled(owner);
  if (tokens < 1) {
    auto seconds = std::chrono::ceil<std::chrono::seconds>(wait(owner)).count();
    return refuse("starts_per_minute", owner, std::to_string(most), std::to_string(most) + " starts a minute",
                  "come again in " + std::to_string(seconds) + " s", Code::rate_limited);
  }
  buckets_[owner] = {tokens - 1, clock_.steady()};
  return {};
}

Quotas::Claim Quotas::claim(const std::string& owner, Ask ask) {
  return Claim(this, standing_.insert(standing_.end(), Standing{owner, std::move(ask)}));
}

Result<void> Quotas::check(const Claim& claim, const std::vector<store::SessionRow>& ledger) const {
  const auto& [owner, ask] = *claim.at_;
  const auto& quota = of(owner);
  Used used;
  for (const auto& row : ledger) {
    if (row.owner == owner && row.id != ask.session)
      add_row(used, row);  // one that begins again takes its own place
  }
  for (auto it = standing_.begin(); it != std::list<Standing>::const_iterator(claim.at_); ++it) {
    auto in_ledger = [&](const store::SessionRow& row) { return row.id == it->ask.session; };
    if (it->owner != owner || std::any_of(ledger.begin(), ledger.end(), in_ledger)) continue;
    ++used.sessions;
    used.memory += it->ask.memory;
    used.disk += it->ask.disk;
  }
  if (quota.sessions > 0 && used.sessions >= quota.sessions) {
    return refuse("sessions", owner, std::to_string(used.sessions), std::to_string(quota.sessions),
                  "end one with `brig stop`, or have the operator raise it in [quota]");
  }
  if (quota.memory > 0 && used.memory + ask.memory > quota.memory) {
    return refuse("memory", owner,
                  format_size(used.memory) + " and " + format_size(ask.memory) + " asked for",
                  format_size(quota.memory), "ask for less with --memory, or end a session");
  }
  if (quota.disk > 0 && ask.disk == 0) {
    return Error{Code::invalid,
                 "the disk of " + quoted(owner) + " is bounded to " + format_size(quota.disk) +
                     ", so a session needs a bound of its own; say one with --disk, such as --disk 1G",
                 "quota", false};
  }
  if (quota.disk > 0 && used.disk + ask.disk > quota.disk) {
    return refuse("disk", owner, format_size(used.disk) + " and " + format_size(ask.disk) + " asked for",
                  format_size(quota.disk), "ask for less with --disk, or remove sessions that have ended");
  }
  return {};
}

}  // namespace brig::session
