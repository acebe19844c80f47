// Plans of prunes as JSON, and what was agreed to of them.
//
// Threads: any. Failure: kept in the Body.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <set>

#include "api/json/reader.hpp"
#include "prune/footprint.hpp"
#include "prune/gc.hpp"
#include "prune/prunes.hpp"

namespace brig::api {

nlohmann::json encode(const prune::Footprint& footprint);
nlohmann::json encode(const prune::Plan& plan);
nlohmann::json encode(const prune::Step& step);
nlohmann::json encode(const prune::Report& report);
nlohmann::json encode(const prune::StandingView& view);
nlohmann::json encode(const prune::GcPlan& plan);
nlohmann::json encode(const prune::GcReport& report);

struct GcOrder {
  prune::GcRules rules;
  std::set<prune::GcAgreed> things;
};
prune::GcRules decode_gc_rules(Body& body);
GcOrder decode_gc(Body& body);
prune::Rules decode_rules(Body& body);
prune::Order decode_prune(Body& body);

}  // namespace brig::api
