#include "policy/egress/decide.hpp"

#include <algorithm>

namespace brig::egress {
namespace {

using Verdict = Decision::Verdict;

// The narrowest rule that would allow this, as a person types it.
std::string remedy_for(const Target& target, bool tcp) {
  Rule rule;
  if (target.host.address) {
    rule.what = Rule::What::range;
    rule.range = {*target.host.address, target.host.address->bits()};
  } else {
    rule.name = target.host.name;
  }
  rule.tcp = tcp;
  bool web = (target.port == 80 || target.port == 443) && !tcp;
  if (!web) rule.ports = {Ports::Are::one, target.port};
  return to_string(rule, Verb::allow);
}

const Entry* find(const std::vector<Entry>& entries, const Target& target) {
  auto it = std::find_if(entries.begin(), entries.end(),
                         [&](const Entry& entry) { return entry.rule.matches(target); });
  return it == entries.end() ? nullptr : &*it;
}

Decision denied(const Target& target, const Entry& entry) {
  Decision out;
  out.rule = to_string(entry.rule, Verb::deny);
  out.from = entry.from;
  out.why =
      to_string(target.host, target.port) + " is denied by the rule '" + out.rule + "' of " + entry.from;
  return out;
}

// How bad it is to be let through by mistake: these are nobody's business but the operator's.
bool only_operator(Kind kind) {
  return kind == Kind::link_local || kind == Kind::metadata || kind == Kind::multicast ||
         kind == Kind::unspecified;
}

// A range that a rule allows only by naming it, or a range of its own kind.
bool has_to_be_named(const Rule& rule) {
  return rule.what == Rule::What::range && only_operator(kind_of(rule.range.first)) &&
         only_operator(kind_of(rule.range.last()));
}

}  // namespace

Decision decide(const Rules& rules, const Target& target) {
  if (const auto* entry = find(rules.deny, target)) return denied(target, *entry);

  const auto shown = to_string(target.host, target.port);
  Decision out;
  bool in_bound = true, bound_tcp = true;
  if (rules.bound) {
    in_bound = bound_tcp = false;
    for (const auto& rule : *rules.bound) {
      if (!rule.matches(target)) continue;
      in_bound = true;
      bound_tcp |= rule.tcp;
    }
  }
  if (!in_bound) {
    out.from = "the ceiling";
    out.why = shown + " is beyond what the operator's ceiling lets any sandbox reach";
    return out;
  }
  const Entry* found = nullptr;
  for (const auto& entry : rules.allow) {
    if (!entry.rule.matches(target)) continue;
    // One that allows any protocol says more than one that does not.
    if (!found || (entry.rule.tcp && !found->rule.tcp)) found = &entry;
  }
  if (!found) {
    out.verdict = rules.ask ? Verdict::ask : Verdict::denied;
    out.why = "no rule allows " + shown;
    out.remedy = remedy_for(target, false);
    return out;
  }
  out.verdict = Verdict::allowed;
  out.tcp = found->rule.tcp && bound_tcp;
  out.rule = to_string(found->rule, Verb::allow);
  out.from = found->from;
  return out;
}

Decision decide_address(const Rules& rules, const Target& target, const Decision& decided, Address given,
                        bool own) {
  auto address = canonical(given);
  Target there{Host{"", address}, target.port};
  if (const auto* entry = find(rules.deny, there)) {
    auto out = denied(there, *entry);
    if (!target.host.address)
      out.why = to_string(target.host) + " resolves to " + to_string(address) + ", and " + out.why;
    return out;
  }
  auto kind = kind_of(address);
  if (own && kind == Kind::open) kind = Kind::own;
  if (kind == Kind::open) return decided;

  // Metadata addresses lie scattered in ranges of other kinds: naming such a range does not name them.
  auto names = [&](const Rule& rule) {
    if (!rule.matches(there)) return false;
    return kind == Kind::own ? rule.range.prefix == address.bits() : rule.range.is_wholly(kind);
  };
  bool named = std::any_of(rules.allow.begin(), rules.allow.end(),
                           [&](const Entry& entry) { return names(entry.rule); });
  bool bound_names = rules.bound && std::any_of(rules.bound->begin(), rules.bound->end(), names);
  if (named && (bound_names || (!rules.bound && !only_operator(kind)))) return decided;

  Decision out;
  auto what = to_string(address) + ", " + std::string(describe(kind));
  out.why = target.host.address ? to_string(target.host, target.port) + " is " + std::string(describe(kind))
                                : to_string(target.host) + " resolves to " + what;
  if (only_operator(kind) && !bound_names) {
    out.from = "Brig";
    out.why += ", and only the operator's ceiling can open those";
  } else if (rules.bound && !bound_names) {
    out.from = "the ceiling";
    out.why += ", which the operator's ceiling does not name";
  } else {
    out.why += ", which no rule names";
    out.remedy = remedy_for(there, false);
  }
  return out;
}

bool within(const std::optional<std::vector<Rule>>& bound, const Rule& rule) {
  if (!has_to_be_named(rule)) return !bound || covers(*bound, rule);
  return bound && std::any_of(bound->begin(), bound->end(),
                              [&](const Rule& wide) { return has_to_be_named(wide) && covers(wide, rule); });
}

}  // namespace brig::egress
