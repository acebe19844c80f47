#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/json/prune.hpp"
#include "core/text.hpp"
#include "core/units.hpp"

namespace brig::api {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxAgreed = 100'000;

bool is_kind(const std::string& kind) {
  return std::find(std::begin(prune::kGcKinds), std::end(prune::kGcKinds), kind) != std::end(prune::kGcKinds);
}

prune::GcRules read_rules(Object& object) {
  prune::GcRules out;
  if (auto text = object.text("unused_for")) {
    auto duration = parse_duration(*text);
    if (duration)
      out.unused_for = *duration;
    else
      object.fail("unused_for", "unused_for: " + duration.error().message);
  }
  for (auto& kind : object.texts("kinds", 16)) {
    if (!is_kind(kind))
      object.fail("kinds", "kinds has " + brig::quoted(kind) +
                               "; write session, checkpoint, image, template or archive");
    out.kinds.insert(std::move(kind));
  }
  return out;
}

}  // namespace

json encode(const prune::GcPlan& plan) {
  // Exactly, so that it reads back as it was.
  json rules{{"kinds", plan.rules.kinds}};
  if (plan.rules.unused_for) rules["unused_for"] = std::to_string(plan.rules.unused_for->count()) + "ms";
  json out{{"at", format_time(plan.at)},
           {"rules", std::move(rules)},
           {"goes", json::array()},
           {"stays", json::array()},
           {"bytes", plan.bytes}};
  for (const auto& verdict : plan.verdicts) {
    const auto& thing = verdict.thing;
    json one{{"kind", thing.kind},
             {"id", thing.id},
             {"name", thing.name},
             {"bytes", thing.bytes},
             {"since", format_time(thing.since)},
             {"reasons", verdict.reasons}};
    if (!thing.of.empty()) one["of"] = thing.of;
    out[verdict.goes ? "goes" : "stays"].push_back(std::move(one));
  }
  return out;
}

json encode(const prune::GcReport& report) {
  json out{{"steps", json::array()}, {"bytes", report.bytes}};
  for (const auto& step : report.steps) {
    json one{{"kind", step.thing.kind},
             {"id", step.thing.id},
             {"name", step.name},
             {"gone", step.gone},
             {"bytes", step.bytes}};
    if (!step.reason.empty()) one["reason"] = step.reason;
    out["steps"].push_back(std::move(one));
  }
  return out;
}

prune::GcRules decode_gc_rules(Body& body) {
  auto top = body.object();
  auto out = read_rules(top);
  top.finish();
  return out;
}

GcOrder decode_gc(Body& body) {
  GcOrder out;
  auto top = body.object();
  auto rules = top.object("rules");
  if (rules.present()) {
    out.rules = read_rules(rules);
    rules.finish();
  }
  for (auto& entry : top.objects("things", kMaxAgreed)) {
    prune::GcAgreed one;
    one.kind = entry.text("kind", {.required = true, .max = 64}).value_or("");
    one.id = entry.text("id", {.required = true, .max = 255}).value_or("");
    entry.finish();
    out.things.insert(std::move(one));
  }
  top.finish();
  return out;
}

}  // namespace brig::api
