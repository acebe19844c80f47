#include "egress/doors.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/log.hpp"
#include "core/text.hpp"
#include "policy/profile.hpp"

namespace brig::egress {
namespace {

using store::EgressRow;

constexpr const char* kYours = "you, for this session";
constexpr const char* kStanding = "you, always";
constexpr std::size_t kMaxRows = 1024;

std::filesystem::path authority_file(const StatePaths& paths, const SessionId& id) {
  return paths.session(id) / "authority.pem";
}

bool is_yours(const EgressRow& row) {
  return row.from == kYours || row.from == kStanding;
}

}  // namespace

struct Doors::Held {
  Held(Shared& shared, Facts f, Door::About about, Rules rules, std::vector<EgressRow> r)
      : facts(std::move(f)),
        rows(std::move(r)),
        door(shared, std::move(about), std::move(rules)),
        freed(shared.executor) {}
  Facts facts;
  std::vector<EgressRow> rows;
  Door door;
  bool changing = false;
  net::Event freed;
};

struct Doors::Turn {
  explicit Turn(std::shared_ptr<Held> h) : held(std::move(h)) { held->changing = true; }
  ~Turn() {
    held->changing = false;
    held->freed.notify_all();
  }
  std::shared_ptr<Held> held;
};

net::Task<Result<std::shared_ptr<Doors::Turn>>> Doors::turn(SessionId id) {
  while (true) {
    BRIG_CO_TRY(auto held, find(id));
    if (!held->changing) co_return std::make_shared<Turn>(std::move(held));
    co_await held->freed.wait();
  }
}

// Written down, then in force.
net::Task<Result<void>> Doors::commit(std::shared_ptr<Turn> turn, std::vector<EgressRow> rows) {
  auto& held = *turn->held;
  BRIG_CO_TRY(auto rules, rules_of(rows));
  BRIG_CO_CHECK(co_await parts_.table.replace(held.facts.id, rows));
  held.rows = std::move(rows);
  held.door.set_rules(std::move(rules));
  co_return Result<void>();
}

Doors::Doors(Parts parts) : parts_(std::move(parts)) {
  parts_.shared.metrics.gauge_from("brig_egress_open_connections", "Connections through the door out",
                                   [this] {
                                     std::size_t all = 0;
                                     for (const auto& [id, held] : doors_)
                                       all += held->door.connections().size();
                                     return static_cast<double>(all);
                                   });
}

Doors::~Doors() = default;

net::Task<Result<std::vector<EgressRow>>> Doors::plan(Beginning beginning) {
  std::vector<EgressRow> rows;
  const auto& policy = beginning.policy;
  std::string profile_name = "profile " + quoted(beginning.profile ? beginning.profile->name : "");
  auto from_profile = [&](const std::vector<Rule>& profile, const Rule& rule) {
    return beginning.profile && covers(profile, rule) ? profile_name : std::string("the request");
  };
  for (const auto& rule : policy.deny) {
    if (covers(parts_.ceiling.egress.deny, rule)) continue;  // which is asked itself, as it is then
    auto from = from_profile(beginning.profile ? beginning.profile->egress.deny : std::vector<Rule>(), rule);
    rows.push_back({"deny", to_string(rule, Verb::deny), from});
  }
  for (const auto& rule : policy.allow) {
    auto from = from_profile(beginning.profile ? beginning.profile->egress.allow : std::vector<Rule>(), rule);
    rows.push_back({"allow", to_string(rule, Verb::allow), from});
  }
  if (policy.presets.contains(policy::Preset::provider)) {
    for (const auto& host : beginning.provider_hosts) {
      auto rule = read_rule(host, Verb::allow);
      if (!rule)
        co_return Error{
            Code::invalid,
            "provider " + quoted(beginning.provider) + " names a host that is none: " + rule.error().message,
            "egress", false};
      rows.push_back({"allow", to_string(*rule, Verb::allow), "provider " + quoted(beginning.provider)});
    }
  }
  for (auto preset : policy.presets) {
    if (preset == policy::Preset::provider) continue;
    BRIG_CO_TRY(auto rules, co_await parts_.presets.rules(preset));
    for (const auto& rule : rules)
      rows.push_back(
          {"allow", to_string(rule, Verb::allow), "preset " + std::string(policy::to_string(preset))});
  }
  if (policy.ask) rows.push_back({"ask", "", ""});
  BRIG_CO_TRY(auto standing, co_await parts_.table.standing(beginning.owner, beginning.project));
  rows.insert(rows.end(), standing.begin(), standing.end());
  co_return rows;
}

Result<Rules> Doors::rules_of(const std::vector<EgressRow>& rows) const {
  Rules out;
  out.bound = parts_.ceiling.egress.allow;
  for (const auto& rule : parts_.ceiling.egress.deny) out.deny.push_back({rule, "the ceiling"});
  for (const auto& row : rows) {
    if (row.verb == "ask") {
      out.ask = parts_.ceiling.egress.ask;
      continue;
    }
    auto verb = row.verb == "allow" ? Verb::allow : Verb::deny;
    BRIG_TRY(Rule rule, read_rule(row.rule, verb));
    (verb == Verb::allow ? out.allow : out.deny).push_back({std::move(rule), row.from});
  }
  return out;
}

net::Task<Result<std::vector<Entrusted>>> Doors::equip(vault::Scope scope, std::vector<Credential> provider,
                                                       std::vector<Credential> request) {
  auto all = std::move(request);
  for (auto& rule : provider) {
    bool own = std::any_of(all.begin(), all.end(), [&](const Credential& other) {
      return rule.collides(other) || (!rule.env.empty() && rule.env == other.env && rule.key != other.key);
    });
    if (!own) all.push_back(std::move(rule));
  }
  std::vector<Entrusted> out;
  std::vector<Credential> together;
  for (auto& rule : all) {
    BRIG_CO_TRY(bool there, co_await parts_.shared.vault->has(scope, rule.key));
    if (!there && rule.optional) continue;
    if (!there) {
      auto missing = vault::no_such_key(rule.key);
      missing.message = "the " + describe(rule) + " cannot be given: " + missing.message;
      co_return missing;
    }
    together.push_back(rule);
    Entrusted held;
    for (const auto& other : out)
      if (other.rule.key == rule.key) held.placeholder = other.placeholder;
    if (held.placeholder.empty()) held.placeholder = new_placeholder();
    held.rule = std::move(rule);
    out.push_back(std::move(held));
  }
  if (out.size() > kMaxCredentials)
    co_return Error{Code::too_large,
                    "a session has at most " + std::to_string(kMaxCredentials) + " credentials", "egress",
                    false};
  if (auto bad = check_together(together))
    co_return Error{Code::invalid, "credentials: " + bad->field + " " + bad->why, "egress", false};
  co_return out;
}

net::Task<Result<std::string>> Doors::keep(SessionId id, std::vector<Entrusted> credentials) {
  std::vector<store::CredentialRow> rows;
  std::set<std::string> names;
  for (const auto& held : credentials) {
    names.insert(held.rule.host.host.name);
    rows.push_back({held.rule.key, to_json(held.rule).dump(), held.placeholder});
  }
  if (parts_.credentials) BRIG_CO_CHECK(co_await parts_.credentials->replace(id, std::move(rows)));
  if (names.empty()) co_return std::string();
  std::vector<std::string> list(names.begin(), names.end());
  co_return Authority::make(authority_file(parts_.paths, id), list);
}

net::Task<Result<std::vector<Entrusted>>> Doors::credentials(SessionId id) {
  std::vector<Entrusted> out;
  if (!parts_.credentials) co_return out;
  BRIG_CO_TRY(auto rows, co_await parts_.credentials->list(id));
  for (const auto& row : rows) {
    auto json = nlohmann::json::parse(row.rule_json, nullptr, false);
    Entrusted held;
    BRIG_CO_TRY(held.rule, credential_from(json));
    held.placeholder = row.placeholder;
    out.push_back(std::move(held));
  }
  co_return out;
}

Result<void> Doors::start(Facts facts, std::vector<EgressRow> rows, std::vector<Entrusted> credentials) {
  BRIG_TRY(Rules rules, rules_of(rows));
  std::shared_ptr<Authority> authority;
  if (!credentials.empty()) {
    BRIG_TRY(authority, Authority::load(authority_file(parts_.paths, facts.id)));
  }
  auto id = facts.id;
  Door::About about{id,
                    facts.name,
                    facts.owner,
                    facts.mesh,
                    parts_.paths.link_dir(id),
                    parts_.paths.egress_account(id),
                    facts.insider,
                    facts.endpoint,
                    std::move(credentials),
                    std::move(authority)};
  auto held = std::make_shared<Held>(parts_.shared, std::move(facts), std::move(about), std::move(rules),
                                     std::move(rows));
  BRIG_CHECK(held->door.open());
  doors_[id] = std::move(held);
  return {};
}

net::Task<Result<void>> Doors::open(Facts facts, std::vector<EgressRow> rows) {
  BRIG_CO_CHECK(co_await parts_.table.replace(facts.id, rows));
  BRIG_CO_TRY(auto held, co_await credentials(facts.id));
  co_return start(std::move(facts), std::move(rows), std::move(held));
}

net::Task<Result<void>> Doors::reopen(Facts facts) {
  BRIG_CO_TRY(auto rows, co_await parts_.table.list(facts.id));
  BRIG_CO_TRY(auto held, co_await credentials(facts.id));
  co_return start(std::move(facts), std::move(rows), std::move(held));
}

net::Task<Result<std::vector<EgressRow>>> Doors::rules(SessionId id) {
  co_return co_await parts_.table.list(id);
}

net::Task<void> Doors::close(SessionId id) {
  auto it = doors_.find(id);
  if (it == doors_.end()) co_return;
  auto held = std::move(it->second);
  doors_.erase(it);
  co_await held->door.close();
}

net::Task<void> Doors::close_all() {
  while (!doors_.empty()) {
    auto id = doors_.begin()->first;
    co_await close(id);
  }
}

Result<std::shared_ptr<Doors::Held>> Doors::find(const SessionId& id) {
  auto it = doors_.find(id);
  if (it != doors_.end()) return it->second;
  return Error{Code::conflict,
               "the session is not running, so it has no way out; `brig ps -a` shows its state", "egress",
               false};
}

net::Task<Result<DoorView>> Doors::show(SessionId id) {
  DoorView out;
  auto held = find(id);
  std::vector<EgressRow> rows;
  if (held) {
    rows = (*held)->rows;
    const auto& door = (*held)->door;
    out.open = true;
    out.questions = door.questions();
    out.connections = door.connections();
    out.counts = door.counts();
    for (const auto& c : out.connections) {
      out.counts.sent += c.sent;
      if (c.target.host.name != kMeshHost) out.counts.received += c.received;
    }
  } else {
    BRIG_CO_TRY(rows, co_await parts_.table.list(id));
  }
  BRIG_CO_TRY(auto credentials_held, co_await credentials(id));
  for (auto& one : credentials_held)
    out.credentials.push_back({std::move(one.rule), std::move(one.placeholder)});
  out.bound = parts_.ceiling.egress.allow;
  for (const auto& rule : parts_.ceiling.egress.deny)
    out.rules.push_back({"deny", to_string(rule, Verb::deny), "the ceiling"});
  for (const char* verb : {"deny", "allow"})
    for (const auto& row : rows)
      if (row.verb == verb) out.rules.push_back({row.verb, row.rule, row.from});
  for (const auto& row : rows) out.ask |= row.verb == "ask" && parts_.ceiling.egress.ask;
  co_return out;
}

net::Task<Result<std::string>> Doors::change(SessionId id, Verb verb, std::string text, Scope scope) {
  BRIG_CO_TRY(auto turn_taken, co_await turn(id));
  auto held = turn_taken->held;
  BRIG_CO_TRY(auto rule, read_rule(text, verb));
  auto shown = to_string(rule, verb);
  if (verb == Verb::allow && !within(parts_.ceiling.egress.allow, rule))
    co_return Error{Code::denied,
                    "the ceiling does not allow " + quoted(shown, 200) +
                        "; do without, or have the operator add it to [egress] allow in the ceiling",
                    "egress", false};
  auto rows = held->rows;
  // A word of yours takes back your earlier ones that say the opposite.
  std::erase_if(rows, [&](const EgressRow& row) {
    if (!is_yours(row) || row.verb == "ask") return false;
    auto other = read_rule(row.rule, row.verb == "allow" ? Verb::allow : Verb::deny);
    if (!other) return true;
    auto plain = *other, mine = rule;
    plain.tcp = mine.tcp = false;
    bool opposite = (row.verb == "allow") != (verb == Verb::allow);
    return opposite &&
           (verb == Verb::allow ? covers(mine, plain) || covers(plain, mine) : covers(mine, plain));
  });
  if (verb == Verb::allow) {
    auto plain = rule;
    plain.tcp = false;
    for (const auto& row : rows) {
      if (row.verb != "deny") continue;
      auto no = read_rule(row.rule, Verb::deny);
      if (no && covers(*no, plain))
        co_return Error{Code::denied,
                        quoted(shown, 200) + " is denied by the rule " + quoted(row.rule, 200) + " of " +
                            row.from + ", which wins",
                        "egress", false};
    }
    if (covers(parts_.ceiling.egress.deny, plain))
      co_return Error{Code::denied, quoted(shown, 200) + " is denied by the operator's ceiling, which wins",
                      "egress", false};
  }
  if (scope == Scope::once) {
    if (verb == Verb::deny)
      co_return Error{Code::invalid,
                      "only `allow` can be for once; a `deny` holds for the session, or always", "egress",
                      false};
    held->door.allow_once(std::move(rule));
    co_return shown;
  }
  EgressRow row{verb == Verb::allow ? "allow" : "deny", shown, scope == Scope::always ? kStanding : kYours};
  std::erase_if(rows, [&](const EgressRow& old) { return is_yours(old) && old.rule == row.rule; });
  if (rows.size() >= kMaxRows)
    co_return Error{Code::too_large,
                    "the session has " + std::to_string(kMaxRows) + " egress rules already; use wider ones",
                    "egress", false};
  rows.push_back(row);
  if (scope == Scope::always)
    BRIG_CO_CHECK(co_await parts_.table.stand(held->facts.owner, held->facts.project, row));
  BRIG_CO_CHECK(co_await commit(turn_taken, std::move(rows)));
  co_return shown;
}

net::Task<Result<void>> Doors::forget(SessionId id, std::string text) {
  BRIG_CO_TRY(auto turn_taken, co_await turn(id));
  auto held = turn_taken->held;
  auto rows = held->rows;
  std::set<std::string> spellings{text};
  for (auto verb : {Verb::allow, Verb::deny})
    if (auto rule = read_rule(text, verb)) spellings.insert(to_string(*rule, verb));
  auto gone = std::erase_if(
      rows, [&](const EgressRow& row) { return is_yours(row) && spellings.contains(row.rule); });
  for (const auto& spelling : spellings) {
    BRIG_CO_TRY(bool stood, co_await parts_.table.withdraw(held->facts.owner, held->facts.project, spelling));
    gone += stood;
  }
  if (gone == 0)
    co_return Error{Code::not_found,
                    "no rule " + quoted(text, 200) +
                        " was added to this session; rules of its policy cannot be taken back, only denied",
                    "egress", false};
  co_return co_await commit(turn_taken, std::move(rows));
}

net::Task<Result<void>> Doors::answer(SessionId id, std::uint64_t question, bool yes, Scope scope) {
  BRIG_CO_TRY(auto held, find(id));
  std::optional<Target> target;
  for (const auto& asked : held->door.questions())
    if (asked.number == question) target = asked.target;
  if (!target)
    co_return Error{Code::not_found,
                    "there is no open question " + std::to_string(question) +
                        "; it was answered, or nobody waits any more",
                    "egress", false};
  if (scope == Scope::once) {
    held->door.answer(question, yes);
    co_return Result<void>();
  }
  // The rule answers the question, and all like it.
  auto verb = yes ? Verb::allow : Verb::deny;
  Rules nothing;
  auto rule = yes ? decide(nothing, *target).remedy : to_string(target->host);
  if (!yes && target->host.address && !target->host.address->v4) rule = "[" + rule + "]";
  auto changed = co_await change(id, verb, rule, scope);
  if (!changed) co_return std::move(changed).error();
  co_return Result<void>();
}

net::Task<Result<Tried>> Doors::test(SessionId id, std::string text) {
  BRIG_CO_TRY(auto held, find(id));
  auto target = read_target(text);
  if (!target) {
    BRIG_CO_TRY(auto host, read_host(text));
    target = Target{std::move(host), 443};
  }
  co_return co_await held->door.test(*target);
}

Result<std::vector<std::string>> Doors::account(SessionId id, std::size_t count) {
  return Audit::last(parts_.paths.egress_account(id), count);
}

std::shared_ptr<Audit::Follower> Doors::follow(SessionId id) {
  auto held = find(id);
  return held ? (*held)->door.follow() : nullptr;
}

}  // namespace brig::egress
