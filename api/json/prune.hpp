// Plans of prunes as JSON, and what was agreed to of them.
//
// Threads: any. Failure: kept in the Body.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "api/json/reader.hpp"
#include "prune/footprint.hpp"
#include "prune/prunes.hpp"

namespace brig::api {

nlohmann::json encode(const prune::Footprint& footprint);
nlohmann::json encode(const prune::Plan& plan);
nlohmann::json encode(const prune::Step& step);
nlohmann::json encode(const prune::Report& report);

prune::Rules decode_rules(Body& body);
prune::Order decode_prune(Body& body);

}  // namespace brig::api
