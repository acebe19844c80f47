#include "api/json/prune.hpp"

#include <nlohmann/json.hpp>

#include "api/json/encode.hpp"
#include "api/json/volume_filter.hpp"
#include "core/units.hpp"

namespace brig::api {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxAgreed = 100'000;
constexpr std::uint64_t kMaxKept = 1'000'000;

prune::Rules read_rules(Object& object) {
  prune::Rules out;
  out.filter = read_volume_filter(object);
  out.keep_last = object.number("keep_last", 0, kMaxKept).value_or(0);
  return out;
}

json rules_to_json(const prune::Rules& rules) {
  json out = json::object();
  const auto& filter = rules.filter;
  for (const auto& [key, value] : {std::pair{"mesh", &filter.mesh},
                                   {"provider", &filter.provider},
                                   {"identity", &filter.identity},
                                   {"kind", &filter.kind},
                                   {"owner", &filter.owner}})
    if (!value->empty()) out[key] = *value;
  // Exactly, so that it reads back as it was.
  if (filter.unused_for) out["unused_for"] = std::to_string(filter.unused_for->count()) + "ms";
  if (filter.larger) out["larger"] = std::to_string(*filter.larger);
  if (filter.orphan) out["orphan"] = true;
  if (rules.keep_last > 0) out["keep_last"] = rules.keep_last;
  return out;
}

}  // namespace

json encode(const prune::Footprint& footprint) {
  auto portions = [](const std::vector<prune::Portion>& all) {
    auto out = json::array();
    for (const auto& portion : all) {
      json one{{"kind", portion.kind}, {"count", portion.count}};
      if (portion.bytes) one["bytes"] = *portion.bytes;
      if (portion.idle > 0) one["idle"] = {{"count", portion.idle}, {"bytes", portion.idle_bytes}};
      if (!portion.remedy.empty()) one["remedy"] = portion.remedy;
      out.push_back(std::move(one));
    }
    return out;
  };
  return {{"brig", portions(footprint.ours)},
          {"others", portions(footprint.others)},
          {"disk", {{"size", footprint.size}, {"free", footprint.free}}}};
}

json encode(const prune::Plan& plan) {
  json out{{"at", format_time(plan.at)},
           {"rules", rules_to_json(plan.rules)},
           {"goes", json::array()},
           {"stays", json::array()},
           {"bytes", plan.bytes}};
  for (const auto& verdict : plan.verdicts) {
    auto one = encode(verdict.volume);
    one["reasons"] = verdict.reasons;
    one["used"] = prune::use_of(verdict.volume);
    out[verdict.goes ? "goes" : "stays"].push_back(std::move(one));
  }
  return out;
}

json encode(const prune::Step& step) {
  json out{{"volume", step.volume}, {"gone", step.gone}, {"bytes", step.bytes}};
  if (!step.reason.empty()) out["reason"] = step.reason;
  return out;
}

json encode(const prune::Report& report) {
  json out{{"steps", json::array()}, {"bytes", report.bytes}};
  for (const auto& step : report.steps) out["steps"].push_back(encode(step));
  return out;
}

json encode(const prune::StandingView& view) {
  const auto& rule = view.rule;
  json out{{"name", rule.name},
           {"every", format_duration(rule.every)},
           {"notice", format_duration(rule.notice)},
           {"dry_run", rule.dry_run},
           {"rules", rules_to_json(rule.rules)},
           {"next", format_time(view.next)},
           {"pending", view.pending}};
  if (view.planned) {
    out["planned"] = {{"at", format_time(*view.planned)}, {"volumes", json::array()}};
    for (const auto& one : view.agreed) out["planned"]["volumes"].push_back(one.volume);
  }
  if (view.done) {
    out["done"] = encode(view.report);
    out["done"]["at"] = format_time(*view.done);
  }
  return out;
}

prune::Rules decode_rules(Body& body) {
  auto top = body.object();
  auto out = read_rules(top);
  top.finish();
  return out;
}

prune::Order decode_prune(Body& body) {
  prune::Order out;
  auto top = body.object();
  auto rules = top.object("rules");
  if (rules.present()) {
    out.rules = read_rules(rules);
    rules.finish();
  }
  out.quarantine = top.flag("quarantine").value_or(true);
  for (auto& entry : top.objects("volumes", kMaxAgreed)) {
    prune::Agreed one;
    one.volume = entry.text("volume", {.required = true, .max = 255}).value_or("");
    one.used = entry.text("used", {.required = true, .max = 64}).value_or("");
    entry.finish();
    out.agreed.push_back(std::move(one));
  }
  top.finish();
  return out;
}

}  // namespace brig::api
