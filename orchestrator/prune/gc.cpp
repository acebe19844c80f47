#include "prune/gc.hpp"

#include <algorithm>
#include <tuple>

#include "core/units.hpp"

namespace brig::prune {
namespace {

std::string what_of(const Thing& thing) {
  if (thing.kind == kGcSession) return "it ended ";
  if (thing.kind == kGcCheckpoint) return "its session has ended, and it was made, at least ";
  if (thing.kind == kGcImage) return "no provider uses it; it was built ";
  if (thing.kind == kGcTemplate) return "it was last copied ";
  return "no ledger knows it; it was written ";
}

}  // namespace

GcPlan make_gc_plan(GcRules rules, WallTime now, std::vector<Thing> things) {
  GcPlan out;
  out.at = now;
  auto unused_for = rules.unused_for.value_or(kUnusedFor);
  rules.unused_for = unused_for;
  for (auto& thing : things) {
    if (!rules.kinds.empty() && !rules.kinds.contains(thing.kind)) continue;
    // A time in the future is one that has just been: clocks are set back.
    auto idle = std::max(Millis{0}, std::chrono::duration_cast<Millis>(now - thing.since));
    GcVerdict verdict{std::move(thing), false, {}};
    verdict.reasons = verdict.thing.held;
    auto since = what_of(verdict.thing) + rounded(idle) + " ago";
    if (idle < unused_for) verdict.reasons.push_back(since + ", which is less than " + rounded(unused_for));
    verdict.goes = verdict.reasons.empty();
    if (verdict.goes) {
      verdict.reasons.push_back(since);
      out.bytes += verdict.thing.bytes;
    }
    out.verdicts.push_back(std::move(verdict));
  }
  std::stable_sort(out.verdicts.begin(), out.verdicts.end(), [](const GcVerdict& a, const GcVerdict& b) {
    if (a.goes != b.goes) return a.goes;
    if (a.goes && a.thing.bytes != b.thing.bytes) return a.thing.bytes > b.thing.bytes;
    return std::tie(a.thing.kind, a.thing.name, a.thing.id) <
           std::tie(b.thing.kind, b.thing.name, b.thing.id);
  });
  out.rules = std::move(rules);
  return out;
}

}  // namespace brig::prune
