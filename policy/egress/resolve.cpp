#include "policy/egress/resolve.hpp"

#include <algorithm>

#include "core/text.hpp"
#include "policy/egress/decide.hpp"

namespace brig::policy {
namespace {

using egress::Verb;
using Why = policy::Rule;

constexpr std::size_t kMaxTotal = 512;

struct Side {
  const Egress& asks;
  Why rule;
  std::string who;
};

Error denied(std::string message) {
  return {Code::denied, std::move(message), "policy", false};
}

Result<void> check_allowed(const Ceiling& ceiling, const Side& side, const std::vector<egress::Rule>& deny) {
  for (const auto& rule : side.asks.allow) {
    auto text = egress::to_string(rule, Verb::allow);
    if (!egress::within(ceiling.egress.allow, rule))
      return denied(
          "egress.allow: " + side.who + " asks for " + quoted(text, 200) +
          ", the ceiling does not allow it; do without, or have the operator add it to [egress] allow in "
          "the ceiling");
    auto plain = rule;
    plain.tcp = false;
    for (const auto& no : deny)
      if (egress::covers(no, plain))
        return denied("egress.allow: " + side.who + " asks for " + quoted(text, 200) + ", which the rule " +
                      quoted(egress::to_string(no, Verb::deny), 200) +
                      " denies; what is denied anywhere is denied, so remove one of them");
  }
  if (side.asks.ask && !ceiling.egress.ask)
    return denied(
        "egress.ask: " + side.who +
        " wants unknown hosts to be asked about, the ceiling does not allow it; do without, or have the "
        "operator set ask = true in its [egress]");
  return {};
}

void say(Explanation& out, std::string field, std::string value, Why rule, std::string detail) {
  out.fields.push_back({std::move(field), std::move(value), rule, std::move(detail)});
}

std::string what_of(Preset preset) {
  if (preset == Preset::provider) return "the hosts that the provider cannot work without";
  return "the registries in this host's own " + std::string(to_string(preset)) + " configuration";
}

}  // namespace

Result<void> resolve_egress(const Ceiling& ceiling, const Profile& profile, const Request& request,
                            Explanation& out) {
  const auto profile_name = "profile " + quoted(profile.name);
  const Side sides[] = {{profile.egress, Why::profile, profile_name},
                        {request.egress, Why::request, "the request"}};
  auto& result = out.effective.egress;
  auto before = out.fields.size();

  result.deny = ceiling.egress.deny;
  for (const auto& side : sides)
    result.deny.insert(result.deny.end(), side.asks.deny.begin(), side.asks.deny.end());
  result.deny = egress::fewest(std::move(result.deny));

  for (const auto& side : sides) {
    BRIG_CHECK(check_allowed(ceiling, side, result.deny));
    auto detail = side.rule == Why::profile ? profile_name : "";
    for (const auto& rule : side.asks.allow) {
      if (egress::covers(result.allow, rule)) continue;
      result.allow.push_back(rule);
      say(out, "egress.allow", egress::to_string(rule, Verb::allow), side.rule, detail);
    }
    for (auto preset : side.asks.presets)
      if (result.presets.insert(preset).second)
        say(out, "egress.preset", std::string(to_string(preset)), side.rule, what_of(preset));
    if (side.asks.ask && !result.ask) {
      result.ask = true;
      say(out, "egress.ask", "true", side.rule, "what no rule decides waits for a person's answer");
    }
  }
  result.allow = egress::fewest(std::move(result.allow));
  for (const auto& rule : result.deny) {
    auto from = [&](const std::vector<egress::Rule>& rules) { return egress::covers(rules, rule); };
    auto why = from(ceiling.egress.deny)   ? Why::ceiling
               : from(profile.egress.deny) ? Why::profile
                                           : Why::request;
    say(out, "egress.deny", egress::to_string(rule, Verb::deny), why, "wins over whatever allows it");
  }
  if (result.allow.size() + result.deny.size() > kMaxTotal)
    return Error{Code::too_large,
                 "egress: profile and request have more than " + std::to_string(kMaxTotal) +
                     " rules together; use wider ones, such as *.example.org",
                 "policy", false};
  if (out.fields.size() == before)
    say(out, "egress", "nothing", Why::standard, "no rule allows any host; see --allow");
  return {};
}

}  // namespace brig::policy
