#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixture.hpp"
#include "policy/explain.hpp"

namespace brig::policy {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr std::uint64_t kGi = 1ull << 30;

std::string denial(const Ceiling& c, const Profile& p, const Request& r) {
  auto e = resolve(c, p, r);
  if (e) return "allowed";
  EXPECT_EQ(e.error().code, Code::denied) << e.error().message;
  return e.error().message;
}

const FieldReason* reason(const Explanation& e, std::string_view field) {
  for (const auto& f : e.fields)
    if (f.field == field) return &f;
  return nullptr;
}

TEST(Resolve, SilenceGivesTheDefaults) {
  auto e = resolve({}, testing::profile("default"), {});
  ASSERT_TRUE(e);
  EXPECT_EQ(e->runtime, Runtime::runc);
  EXPECT_EQ(e->limits, default_limits());
  EXPECT_TRUE(e->grants.empty());
}

TEST(Resolve, SilentDefaultsAreLoweredInSilence) {
  Ceiling c;
  c.limits.memory = kGi;
  c.limits.oom_score_adj = 900;
  c.runtimes = {Runtime::runsc};
  auto e = explain(c, testing::profile("default"), {});
  ASSERT_TRUE(e);
  EXPECT_EQ(e->effective.limits.memory, kGi);
  EXPECT_EQ(e->effective.limits.oom_score_adj, 900u);
  EXPECT_EQ(e->effective.runtime, Runtime::runsc);
  EXPECT_EQ(reason(*e, "limits.memory")->rule, Rule::ceiling);
  EXPECT_THAT(reason(*e, "limits.memory")->detail, HasSubstr("4.0 GiB"));
}

TEST(Resolve, ARequestAboveTheCeilingIsTold) {
  Ceiling c;
  c.limits.memory = 4 * kGi;
  Request r;
  r.limits.memory = 8 * kGi;
  EXPECT_THAT(
      denial(c, testing::profile("default"), r),
      AllOf(HasSubstr("limits.memory"), HasSubstr("8.0 GiB"), HasSubstr("4.0 GiB"), HasSubstr("operator")));
  c = {};
  c.limits.oom_score_adj = 500;
  r = {};
  r.limits.oom_score_adj = 0;
  EXPECT_THAT(denial(c, testing::profile("default"), r), AllOf(HasSubstr("at least 500")));
}

TEST(Resolve, AnOperatorsProfileAboveTheCeilingIsTold) {
  Ceiling c;
  c.limits.pids = 100;
  auto p = parse_profile("[limits]\npids = 200", "big.toml");
  EXPECT_THAT(denial(c, *p, {}), AllOf(HasSubstr("profile 'big'"), HasSubstr("200"), HasSubstr("100")));
  auto built_in = *p;
  built_in.built_in = true;
  EXPECT_EQ(resolve(c, built_in, {})->limits.pids, 100u);
}

TEST(Resolve, ARequestAboveItsProfileIsTold) {
  Request r;
  r.limits.memory = 2 * kGi;
  EXPECT_THAT(denial({}, testing::profile("strict"), r),
              AllOf(HasSubstr("profile 'strict'"), HasSubstr("1.0 GiB")));
  r.limits.memory = kGi / 2;
  EXPECT_EQ(resolve({}, testing::profile("strict"), r)->limits.memory, kGi / 2);
  r = {};
  r.workspace = Workspace::overlay;
  EXPECT_THAT(denial({}, testing::profile("strict"), r), HasSubstr("readonly"));
}

TEST(Resolve, ARuntimeMayOnlyBecomeStronger) {
  Request r;
  r.runtime = Runtime::runc;
  EXPECT_THAT(denial({}, testing::profile("gvisor"), r), HasSubstr("runsc"));
  r.runtime = Runtime::runsc;
  EXPECT_EQ(resolve({}, testing::profile("crun"), r)->runtime, Runtime::runsc);
  Ceiling c;
  c.runtimes = {Runtime::runc};
  EXPECT_THAT(denial(c, testing::profile("default"), r), AllOf(HasSubstr("runsc"), HasSubstr("only runc")));
  EXPECT_THAT(denial(c, testing::profile("gvisor"), {}), HasSubstr("profile 'gvisor'"));
}

TEST(Resolve, GrantsNeedTheCeiling) {
  Request r;
  r.grants = {GrantPtrace{}};
  EXPECT_THAT(denial({}, testing::profile("default"), r), AllOf(HasSubstr("trace"), HasSubstr("[grants]")));
  Ceiling c;
  c.grants.ptrace = true;
  auto e = explain(c, testing::profile("default"), r);
  ASSERT_TRUE(e);
  EXPECT_TRUE(e->effective.has_ptrace());
  ASSERT_EQ(e->grants.size(), 1u);
  EXPECT_EQ(e->grants[0].rule, Rule::request);
  EXPECT_FALSE(e->grants[0].risk.empty());
}

TEST(Resolve, GrantsOfRequestsAreCheckedAsParsedOnesAre) {
  Ceiling c;
  c.grants.mount_read = {"/srv"};
  c.grants.project_write = true;
  auto with = [](Grant g) {
    Request r;
    r.grants = {std::move(g)};
    return r;
  };
  auto p = testing::profile("default");
  EXPECT_FALSE(resolve(c, p, with(GrantMount{"/srv/../run", "/mnt/x", false})));
  EXPECT_FALSE(resolve(c, p, with(GrantMount{"/srv/docker.sock", "/mnt/x", false})));
  EXPECT_FALSE(resolve(c, p, with(GrantMount{"/srv/x", "/run/brig", false})));
  EXPECT_FALSE(resolve(c, p, with(GrantSyscalls{{"bpf"}})));
  auto r = with(GrantProjectWrite{});
  r.workspace = Workspace::readonly;
  EXPECT_EQ(resolve(c, p, r).error().code, Code::invalid);
  r = with(GrantMount{"/srv/a", "/mnt/x", false});
  r.grants.push_back(GrantMount{"/srv/b", "/mnt/x", false});
  EXPECT_EQ(resolve(c, p, r).error().code, Code::invalid);
}

TEST(Explain, NamesEveryFieldAndItsRule) {
  Request r;
  r.limits.pids = 64;
  auto e = explain({}, testing::profile("strict"), r);
  ASSERT_TRUE(e);
  EXPECT_EQ(reason(*e, "limits.pids")->rule, Rule::request);
  EXPECT_EQ(reason(*e, "limits.memory")->rule, Rule::profile);
  EXPECT_EQ(reason(*e, "runtime")->rule, Rule::standard);
  EXPECT_EQ(reason(*e, "capabilities")->rule, Rule::always);
  for (auto field :
       {"workspace.mode", "limits.cpus", "limits.nofile", "limits.disk", "limits.tmp", "limits.home",
        "limits.run", "limits.shm", "limits.oom_score_adj", "seccomp", "network", "user"})
    EXPECT_NE(reason(*e, field), nullptr) << field;
  EXPECT_EQ(e->hash, policy_hash(e->effective));
}

TEST(PolicyHash, IsOfTheValueAlone) {
  auto a = *resolve({}, testing::profile("default"), {});
  auto b = a;
  b.profile = "other";
  EXPECT_EQ(policy_hash(a), policy_hash(b));
  EXPECT_EQ(policy_hash(a).size(), 64u);
  b.limits.pids += 1;
  EXPECT_NE(policy_hash(a), policy_hash(b));
  b = a;
  b.grants = {GrantPtrace{}};
  EXPECT_NE(policy_hash(a), policy_hash(b));
}

}  // namespace
}  // namespace brig::policy
