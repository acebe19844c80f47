// The one question: may this sandbox connect there?
//
// Asked twice. First of the name (or address) that was asked for: denied by a deny rule; else allowed by an
// allow rule, if the ceiling's bound allows it as well; else it may be asked about. Then, once the name is
// resolved, of every address: one that is not public must be named by an address rule itself, so that no
// name, whoever owns it, leads into a private network.
//
// Threads: plain values. Failure: none; no is an answer.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "policy/egress/rule.hpp"

namespace brig::egress {

struct Entry {
  Rule rule;
  std::string from;  // "profile 'default'", "the request", "preset npm", "you, for this session"
};

struct Rules {
  std::vector<Entry> allow;
  std::vector<Entry> deny;
  std::optional<std::vector<Rule>> bound;  // the ceiling's; none: whatever is allowed
  bool ask = false;                        // what no rule decides is asked of a person
};

struct Decision {
  enum class Verdict { allowed, denied, ask };
  Verdict verdict = Verdict::denied;
  bool tcp = false;  // any protocol
  std::string rule;  // the one that decided; "" where none did
  std::string from;  // who gave it
  // Where denied: one sentence, and what would allow it ("" where nothing a user can do does).
  std::string why;
  std::string remedy;  // the rule to allow
};

Decision decide(const Rules& rules, const Target& target);
// `decided` is what decide() said of the target. Addresses as they come from a resolver; `own`: it is one of
// this host's own, which a rule must name alone.
Decision decide_address(const Rules& rules, const Target& target, const Decision& decided, Address address,
                        bool own = false);

// The bound alone: may a user add this rule at all?
bool within(const std::optional<std::vector<Rule>>& bound, const Rule& rule);

}  // namespace brig::egress
