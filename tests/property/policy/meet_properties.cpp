#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "generators.hpp"
#include "policy/effective.hpp"
#include "policy/egress/decide.hpp"

namespace brig::policy {
namespace {

// Is `a` nowhere above `b`? Said without meet(), to judge it.
bool at_most(const std::optional<std::uint64_t>& a, const std::optional<std::uint64_t>& b) {
  return !b || (a && *a <= *b);
}

bool at_least(const std::optional<std::uint64_t>& a, const std::optional<std::uint64_t>& b) {
  return !b || (a && *a >= *b);
}

bool within(const std::set<std::string>& inner, const std::set<std::string>& outer) {
  for (const auto& path : inner) {
    bool held = false;
    for (const auto& root : outer) held |= (path + "/").starts_with(root + "/");
    if (!held) return false;
  }
  return true;
}

// Judged by what comes of it: whatever the tighter one lets through, the wider one does.
bool egress_below(const EgressBounds& a, const EgressBounds& b) {
  auto lets = [](const EgressBounds& bounds, const egress::Target& target, bool tcp) {
    for (const auto& rule : bounds.deny)
      if (rule.matches(target)) return false;
    if (!bounds.allow) return true;
    for (const auto& rule : *bounds.allow)
      if (rule.matches(target) && (rule.tcp || !tcp)) return true;
    return false;
  };
  for (const char* host : {"a.test", "b.a.test", "c.b.a.test", "x.test", "other", "10.1.2.3", "10.9.9.9",
                           "[fd00::1]", "169.254.169.254", "203.0.113.9", "8.8.4.4"})
    for (const char* port : {"80", "443", "5432", "1"})
      for (bool tcp : {false, true}) {
        auto target = egress::read_target(std::string(host) + ":" + port);
        if (!target || (lets(a, *target, tcp) && !lets(b, *target, tcp))) return false;
      }
  return a.ask <= b.ask;
}

bool below(const Ceiling& a, const Ceiling& b) {
  auto subset = [](const auto& x, const auto& y) {
    return std::includes(y.begin(), y.end(), x.begin(), x.end());
  };
  return subset(a.runtimes, b.runtimes) && subset(a.workspaces, b.workspaces) &&
         at_most(a.limits.memory, b.limits.memory) && at_most(a.limits.milli_cpus, b.limits.milli_cpus) &&
         at_most(a.limits.pids, b.limits.pids) && at_most(a.limits.nofile, b.limits.nofile) &&
         at_most(a.limits.disk, b.limits.disk) && at_most(a.limits.tmp, b.limits.tmp) &&
         at_most(a.limits.home, b.limits.home) && at_most(a.limits.run, b.limits.run) &&
         at_most(a.limits.shm, b.limits.shm) && at_least(a.limits.oom_score_adj, b.limits.oom_score_adj) &&
         a.grants.project_write <= b.grants.project_write && a.grants.ptrace <= b.grants.ptrace &&
         subset(a.grants.syscalls, b.grants.syscalls) && within(a.grants.mount_read, b.grants.mount_read) &&
         within(a.grants.mount_write, b.grants.mount_write) && egress_below(a.egress, b.egress);
}

RC_GTEST_PROP(Meet, IsIdempotent, (const Ceiling& a)) {
  RC_ASSERT(meet(a, a) == a);
}

RC_GTEST_PROP(Meet, IsCommutative, (const Ceiling& a, const Ceiling& b)) {
  RC_ASSERT(meet(a, b) == meet(b, a));
}

RC_GTEST_PROP(Meet, IsAssociative, (const Ceiling& a, const Ceiling& b, const Ceiling& c)) {
  RC_ASSERT(meet(meet(a, b), c) == meet(a, meet(b, c)));
}

RC_GTEST_PROP(Meet, NeverWidens, (const Ceiling& a, const Ceiling& b)) {
  auto m = meet(a, b);
  RC_ASSERT(below(m, a));
  RC_ASSERT(below(m, b));
  RC_ASSERT(meet(m, a) == m);
}

RC_GTEST_PROP(Meet, IsTheGreatestOfThoseBelow, (const Ceiling& a, const Ceiling& b, const Ceiling& c)) {
  auto lower = meet(meet(a, b), c);
  RC_ASSERT(below(lower, meet(a, b)));
}

// What resolve() gives is below the ceiling, and asking for exactly that again gives it again.
RC_GTEST_PROP(Resolve, NeverWidens, ()) {
  auto ceiling = *testing::any_ceiling();
  auto profile = *testing::any_profile();
  auto request = *testing::any_request();
  auto e = resolve(ceiling, profile, request);
  RC_PRE(e.ok());
  RC_CLASSIFY(!e->grants.empty(), "with grants");
  RC_ASSERT(ceiling.runtimes.contains(e->runtime));
  RC_ASSERT(ceiling.workspaces.contains(e->workspace));
  for (const auto& grant : e->grants) {
    RC_ASSERT(allows(ceiling, grant));
    if (const auto* calls = std::get_if<GrantSyscalls>(&grant)) {
      std::set<std::string> asked;
      for (const auto* list : {&profile.grants, &request.grants})
        for (const auto& g : *list)
          if (const auto* s = std::get_if<GrantSyscalls>(&g)) asked.insert(s->names.begin(), s->names.end());
      for (const auto& name : calls->names) RC_ASSERT(asked.contains(name));
    } else {
      auto in = [&](const std::vector<Grant>& list) {
        return std::count(list.begin(), list.end(), grant) > 0;
      };
      RC_ASSERT(in(profile.grants) || in(request.grants));
    }
  }
  auto check = [](std::uint64_t value, auto bound) { RC_ASSERT(!bound || value <= *bound); };
  for (const auto* bound : {&ceiling.limits, &request.limits}) {
    check(e->limits.memory, bound->memory);
    check(e->limits.milli_cpus, bound->milli_cpus);
    check(e->limits.pids, bound->pids);
    check(e->limits.nofile, bound->nofile);
    check(e->limits.disk, bound->disk);
    check(e->limits.tmp, bound->tmp);
    check(e->limits.home, bound->home);
    check(e->limits.run, bound->run);
    check(e->limits.shm, bound->shm);
    RC_ASSERT(!bound->oom_score_adj || e->limits.oom_score_adj >= *bound->oom_score_adj);
  }
  check(e->limits.memory, profile.limits.memory);
  check(e->limits.pids, profile.limits.pids);

  for (const auto& rule : e->egress.allow) {
    RC_ASSERT(egress::within(ceiling.egress.allow, rule));
    RC_ASSERT(egress::covers(profile.egress.allow, rule) || egress::covers(request.egress.allow, rule));
  }
  for (const auto* deny : {&ceiling.egress.deny, &profile.egress.deny, &request.egress.deny})
    for (const auto& rule : *deny) RC_ASSERT(egress::covers(e->egress.deny, rule));
  RC_ASSERT(!e->egress.ask || (ceiling.egress.ask && (profile.egress.ask || request.egress.ask)));

  Request same{e->runtime, e->workspace, {}, e->grants, e->egress};
  const auto& l = e->limits;
  same.limits = {l.memory, l.milli_cpus, l.pids, l.nofile, l.disk,
                 l.tmp,    l.home,       l.run,  l.shm,    l.oom_score_adj};
  auto again = resolve(ceiling, profile, same);
  RC_ASSERT(again.ok());
  RC_ASSERT(policy_hash(*again) == policy_hash(*e));
}

// A lower ceiling never gives more.
RC_GTEST_PROP(Resolve, IsMonotone, ()) {
  Ceiling a;
  Profile profile;
  Request request;
  auto low = Result<Effective>();
  for (int i = 0; i < 20 && !low; ++i) {
    a = *testing::any_ceiling();
    profile = *testing::any_profile();
    request = *testing::any_request();
    low = resolve(meet(a, *testing::any_ceiling()), profile, request);
  }
  RC_PRE(low.ok());
  auto high = resolve(a, profile, request);
  if (!high) RC_FAIL(high.error().message);
  RC_ASSERT(low->limits.memory <= high->limits.memory);
  RC_ASSERT(low->limits.pids <= high->limits.pids);
  RC_ASSERT(low->limits.oom_score_adj >= high->limits.oom_score_adj);
  RC_ASSERT(low->grants == high->grants);
  RC_ASSERT(low->egress.allow == high->egress.allow);
  for (const auto& rule : high->egress.deny) RC_ASSERT(egress::covers(low->egress.deny, rule));
}

}  // namespace
}  // namespace brig::policy
