// The [egress] table of profiles, requests and ceilings.
//
// Threads: any. Failure: kept in the reader; meet cannot fail.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "policy/egress/rule.hpp"

namespace brig::policy {

class Reader;

// Rules that are not written down but read where they are known: the provider's own hosts, and the package
// registries this host is set up for.
enum class Preset { provider, npm, pip, apt };
std::string_view to_string(Preset preset);
std::optional<Preset> preset_from(std::string_view word);

struct Egress {
  std::vector<egress::Rule> allow;  // as in fewest(), once read
  std::vector<egress::Rule> deny;
  std::set<Preset> presets;
  bool ask = false;

  bool operator==(const Egress&) const = default;
  bool empty() const { return *this == Egress{}; }
};

struct EgressBounds {
  std::optional<std::vector<egress::Rule>> allow;  // none: no bound
  std::vector<egress::Rule> deny;
  bool ask = true;

  bool operator==(const EgressBounds&) const = default;
};

Egress read_egress(Reader reader);
EgressBounds read_egress_bounds(Reader reader);
nlohmann::json to_json(const Egress& egress);

EgressBounds meet(const EgressBounds& a, const EgressBounds& b);

}  // namespace brig::policy
