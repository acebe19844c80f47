#include "prune/unattended.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "core/log.hpp"
#include "core/units.hpp"

namespace brig::prune {
namespace {

using nlohmann::json;

constexpr Millis kLookAtLeast = std::chrono::minutes(1);  // clocks are set
constexpr Millis kTryAgain{10'000};
constexpr std::size_t kNamed = 20;  // in an event

session::Caller operator_itself() {
  session::Caller out;
  out.role = session::Caller::Role::admin;
  out.owner = "brigd";
  return out;
}

std::string text_of(const std::vector<Agreed>& agreed) {
  auto out = json::array();
  for (const auto& one : agreed) out.push_back({{"volume", one.volume}, {"used", one.used}});
  return out.dump();
}

// What brigd wrote itself; what of it does not read is as if it were not there.
std::vector<Agreed> agreed_of(const std::string& text) {
  std::vector<Agreed> out;
  for (const auto& one : json::parse(text, nullptr, false))
    if (one.is_object()) out.push_back({one.value("volume", ""), one.value("used", "")});
  return out;
}

std::string text_of(const Report& report) {
  json out{{"steps", json::array()}, {"bytes", report.bytes}};
  for (const auto& step : report.steps)
    out["steps"].push_back(
        {{"volume", step.volume}, {"gone", step.gone}, {"reason", step.reason}, {"bytes", step.bytes}});
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

Report report_of(const std::string& text) {
  auto read = json::parse(text, nullptr, false);
  Report out;
  if (!read.is_object()) return out;
  out.bytes = read.value("bytes", std::uint64_t{0});
  for (const auto& one : read.value("steps", json::array()))
    if (one.is_object())
      out.steps.push_back({one.value("volume", ""), one.value("gone", false), one.value("reason", ""),
                           one.value("bytes", std::uint64_t{0})});
  return out;
}

std::map<std::string, store::StandingRow> by_rule(std::vector<store::StandingRow> rows) {
  std::map<std::string, store::StandingRow> out;
  for (auto& row : rows) out[row.rule] = std::move(row);
  return out;
}

WallTime next_of(const Standing& rule, const store::StandingRow& row, WallTime now) {
  if (row.rule.empty() || row.planned > now) return now;  // the clock was wrong once
  return row.planned + (row.pending ? rule.notice : rule.every);
}

}  // namespace

net::Task<Result<std::vector<StandingView>>> Unattended::standing() {
  BRIG_CO_TRY(auto rows, co_await table_.list());
  auto known = by_rule(std::move(rows));
  std::vector<StandingView> out;
  for (const auto& rule : rules_) {
    const auto& row = known[rule.name];
    StandingView view{rule, next_of(rule, row, clock_.wall()), {}, {}, row.pending, row.done, {}};
    if (!row.rule.empty()) view.planned = row.planned;
    view.agreed = agreed_of(row.agreed_json);
    view.report = report_of(row.report_json);
    out.push_back(std::move(view));
  }
  co_return out;
}

void Unattended::tell(const char* kind, const std::string& rule, std::string_view what, std::size_t volumes,
                      std::uint64_t bytes, std::vector<std::string> names) {
  log::info(what, {{"rule", rule}, {"volumes", volumes}, {"size", format_size(bytes)}});
  if (names.size() > kNamed) names.resize(kNamed);
  json detail{{"rule", rule}, {"count", volumes}, {"bytes", bytes}, {"volumes", std::move(names)}};
  events_.add({kind, {}, "", "", detail.dump()});
}

net::Task<Result<void>> Unattended::plan(Standing rule, store::StandingRow row) {
  BRIG_CO_TRY(auto plan, co_await prunes_.plan(operator_itself(), rule.rules));
  std::vector<Agreed> agreed;
  std::vector<std::string> names;
  for (const auto& verdict : plan.verdicts) {
    if (!verdict.goes) continue;
    agreed.push_back({verdict.volume.engine, use_of(verdict.volume)});
    names.push_back(verdict.volume.engine);
  }
  row.rule = rule.name;
  row.planned = clock_.wall();
  row.agreed_json = text_of(agreed);
  row.pending = !rule.dry_run && !agreed.empty();
  BRIG_CO_CHECK(co_await table_.put(std::move(row)));
  tell("volume.prune_planned", rule.name,
       rule.dry_run ? "a rule would prune" : "a rule will prune what is not used until then", agreed.size(),
       plan.bytes, std::move(names));
  co_return Result<void>();
}

// What is not as it was planned is left, and not the whole: there is nobody to make a new plan.
net::Task<Result<void>> Unattended::execute(Standing rule, store::StandingRow row) {
  BRIG_CO_TRY(auto now, co_await prunes_.plan(operator_itself(), rule.rules));
  Order order;
  order.rules = rule.rules;
  Report report;
  for (auto& one : agreed_of(row.agreed_json)) {
    std::vector<Agreed> alone{one};
    auto changed = differences(alone, now);
    if (changed.empty())
      order.agreed.push_back(std::move(one));
    else
      report.steps.push_back({one.volume, false, changed.front(), 0});
  }
  if (!order.agreed.empty()) {
    Listener nobody;
    BRIG_CO_TRY(auto done, co_await prunes_.execute(operator_itself(), std::move(order), std::move(nobody)));
    report.bytes = done.bytes;
    report.steps.insert(report.steps.begin(), std::make_move_iterator(done.steps.begin()),
                        std::make_move_iterator(done.steps.end()));
  }
  if (closing_) co_return Error{Code::unavailable, "brigd is being stopped", "prune", true};
  row.pending = false;
  row.done = clock_.wall();
  row.report_json = text_of(report);
  BRIG_CO_CHECK(co_await table_.put(std::move(row)));
  std::vector<std::string> names;
  for (const auto& step : report.steps)
    if (step.gone) names.push_back(step.volume);
  auto count = names.size();
  tell("volume.prune_done", rule.name, "a rule pruned", count, report.bytes, std::move(names));
  co_return Result<void>();
}

net::Task<Millis> Unattended::tick() {
  auto rows = co_await table_.list();
  if (!rows) {
    log::warn("cannot read what the rules that prune have done", {{"error", rows.error()}});
    co_return kTryAgain;
  }
  auto known = by_rule(std::move(*rows));
  auto wait = kLookAtLeast;
  for (const auto& rule : rules_) {
    auto row = known[rule.name];
    auto now = clock_.wall();
    auto next = next_of(rule, row, now);
    if (next > now) {
      wait = std::min(wait, std::chrono::duration_cast<Millis>(next - now));
      continue;
    }
    // A rule that was told to do something and is only to tell now, does nothing.
    Result<void> done;
    if (row.pending && !rule.dry_run && row.planned <= now)
      done = co_await execute(rule, std::move(row));
    else
      done = co_await plan(rule, std::move(row));
    if (!done) log::warn("a rule that prunes will try again", {{"rule", rule.name}, {"error", done.error()}});
    wait = std::min(wait, done ? std::max(Millis{1}, rule.notice) : kTryAgain);
  }
  co_return wait;
}

net::Task<void> Unattended::run() {
  if (rules_.empty()) co_return;
  while (true) {
    auto wait = co_await tick();
    co_await net::sleep_for(wait);
  }
}

}  // namespace brig::prune
