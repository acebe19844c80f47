#include "policy/egress/bounds.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/text.hpp"
#include "policy/document.hpp"
#include "policy/egress/decide.hpp"

namespace brig::policy {
namespace {

using egress::Rule;
using egress::Verb;

constexpr std::size_t kMaxRules = 256;
constexpr Preset kPresets[] = {Preset::provider, Preset::npm, Preset::pip, Preset::apt};

std::vector<Rule> read_rules(Reader& reader, std::string_view key, Verb verb) {
  std::vector<Rule> out;
  for (const auto& text : reader.texts(key, kMaxRules)) {
    auto rule = egress::read_rule(text, verb);
    if (!rule) {
      reader.fail(key, rule.error().message);
      return {};
    }
    out.push_back(std::move(*rule));
  }
  return egress::fewest(std::move(out));
}

nlohmann::json texts(const std::vector<Rule>& rules, Verb verb) {
  auto out = nlohmann::json::array();
  for (const auto& rule : rules) out.push_back(egress::to_string(rule, verb));
  return out;
}

}  // namespace

std::string_view to_string(Preset preset) {
  switch (preset) {
    case Preset::provider:
      return "provider";
    case Preset::npm:
      return "npm";
    case Preset::pip:
      return "pip";
    case Preset::apt:
      return "apt";
  }
  return "?";
}

std::optional<Preset> preset_from(std::string_view word) {
  for (auto preset : kPresets)
    if (word == to_string(preset)) return preset;
  return std::nullopt;
}

Egress read_egress(Reader reader) {
  Egress out;
  out.allow = read_rules(reader, "allow", Verb::allow);
  out.deny = read_rules(reader, "deny", Verb::deny);
  for (const auto& word : reader.texts("presets", std::size(kPresets))) {
    auto preset = preset_from(word);
    if (!preset) {
      std::vector<std::string_view> known;
      for (auto p : kPresets) known.push_back(to_string(p));
      reader.fail("presets", "egress preset " + quoted(word) + " is unknown" + did_you_mean(word, known) +
                                 "; known are provider, npm, pip and apt");
      break;
    }
    out.presets.insert(*preset);
  }
  out.ask = reader.flag("ask").value_or(false);
  reader.finish();
  return out;
}

EgressBounds read_egress_bounds(Reader reader) {
  EgressBounds out;
  if (reader.has("allow")) out.allow = read_rules(reader, "allow", Verb::allow);
  out.deny = read_rules(reader, "deny", Verb::deny);
  out.ask = reader.flag("ask").value_or(true);
  reader.finish();
  return out;
}

nlohmann::json to_json(const Egress& egress) {
  auto out = nlohmann::json::object();
  if (!egress.allow.empty()) out["allow"] = texts(egress.allow, Verb::allow);
  if (!egress.deny.empty()) out["deny"] = texts(egress.deny, Verb::deny);
  for (auto preset : egress.presets) out["presets"].push_back(to_string(preset));
  if (egress.ask) out["ask"] = true;
  return out;
}

EgressBounds meet(const EgressBounds& a, const EgressBounds& b) {
  EgressBounds out;
  if (a.allow && b.allow)
    out.allow = egress::meet(*a.allow, *b.allow);
  else
    out.allow = a.allow ? a.allow : b.allow;
  // What one names and the other only covers is not what both allow.
  if (out.allow)
    std::erase_if(*out.allow, [&](const egress::Rule& rule) {
      return !egress::within(a.allow, rule) || !egress::within(b.allow, rule);
    });
  auto deny = a.deny;
  deny.insert(deny.end(), b.deny.begin(), b.deny.end());
  out.deny = egress::fewest(std::move(deny));
  out.ask = a.ask && b.ask;
  return out;
}

}  // namespace brig::policy
