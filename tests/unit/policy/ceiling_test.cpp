#include "policy/ceiling.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace brig::policy {
namespace {

using ::testing::HasSubstr;

TEST(Ceiling, ReadsEverything) {
  auto c = parse_ceiling(R"(
runtimes = ["runsc", "crun"]
workspaces = ["readonly"]
[limits]
memory = "16 GiB"
oom_score_adj = 300
[grants]
ptrace = true
syscalls = ["mbind"]
mount_read = ["/srv/data", "/srv/data/inner"]
mount_write = ["/srv/out"]
)",
                         "ceiling.toml");
  ASSERT_TRUE(c) << c.error().message;
  EXPECT_EQ(c->runtimes, (std::set{Runtime::crun, Runtime::runsc}));
  EXPECT_EQ(c->workspaces, std::set{Workspace::readonly});
  EXPECT_EQ(c->limits.memory, 16ull << 30);
  EXPECT_FALSE(c->grants.project_write);
  EXPECT_TRUE(c->grants.ptrace);
  EXPECT_EQ(c->grants.mount_read, (std::set<std::string>{"/srv/data", "/srv/out"}));
}

TEST(Ceiling, SilenceAllowsNoGrant) {
  auto c = parse_ceiling("", "ceiling.toml");
  ASSERT_TRUE(c);
  EXPECT_EQ(*c, Ceiling{});
  EXPECT_FALSE(allows(*c, GrantPtrace{}));
  EXPECT_FALSE(allows(*c, GrantProjectWrite{}));
  EXPECT_FALSE(allows(*c, GrantMount{"/srv/data", "/data", false}));
  EXPECT_FALSE(allows(*c, GrantSyscalls{{"mbind"}}));
}

TEST(Ceiling, RefusesWhatItDoesNotKnow) {
  auto refusal = [](std::string_view text) { return parse_ceiling(text, "ceiling.toml").error().message; };
  EXPECT_THAT(refusal("runtime = 'runc'"), HasSubstr("did you mean 'runtimes'"));
  EXPECT_THAT(refusal("runtimes = []"), HasSubstr("nothing could run"));
  EXPECT_THAT(refusal("runtimes = ['kata']"), HasSubstr("'kata'"));
  EXPECT_THAT(refusal("[grants]\nmount_read = ['/']"), HasSubstr("whole host"));
  EXPECT_THAT(refusal("[grants]\nmount_read = ['/var']"), HasSubstr("contains"));
  EXPECT_THAT(refusal("[grants]\nsyscalls = ['bpf']"), HasSubstr("stays closed"));
}

TEST(Ceiling, MountsAreComparedByWholeNames) {
  Ceiling c;
  c.grants.mount_read = {"/srv/data", "/srv/out"};
  c.grants.mount_write = {"/srv/out"};
  EXPECT_TRUE(allows(c, GrantMount{"/srv/data", "/d", false}));
  EXPECT_TRUE(allows(c, GrantMount{"/srv/data/x", "/d", false}));
  EXPECT_FALSE(allows(c, GrantMount{"/srv/database", "/d", false}));
  EXPECT_FALSE(allows(c, GrantMount{"/srv", "/d", false}));
  EXPECT_FALSE(allows(c, GrantMount{"/srv/data", "/d", true}));
  EXPECT_TRUE(allows(c, GrantMount{"/srv/out/x", "/d", true}));
}

TEST(Ceiling, MeetTakesTheStricterOfEach) {
  Ceiling a, b;
  a.limits.memory = 4;
  b.limits.memory = 8;
  b.limits.pids = 9;
  a.limits.oom_score_adj = 100;
  b.limits.oom_score_adj = 300;
  a.runtimes = {Runtime::runc, Runtime::runsc};
  b.runtimes = {Runtime::crun, Runtime::runsc};
  a.grants.mount_read = {"/srv"};
  b.grants.mount_read = {"/srv/data", "/opt"};
  auto m = meet(a, b);
  EXPECT_EQ(m.limits.memory, 4u);
  EXPECT_EQ(m.limits.pids, 9u);
  EXPECT_EQ(m.limits.oom_score_adj, 300u);
  EXPECT_EQ(m.runtimes, std::set{Runtime::runsc});
  EXPECT_EQ(m.grants.mount_read, std::set<std::string>{"/srv/data"});
}

TEST(Ceiling, NeverAboveTheHost) {
  Ceiling c;
  c.limits.milli_cpus = 64'000;
  c.grants.ptrace = true;
  auto h = within_host(c, 8ull << 30, 2);
  EXPECT_EQ(h.limits.memory, 8ull << 30);
  EXPECT_EQ(h.limits.milli_cpus, 2'000u);
  EXPECT_TRUE(h.grants.ptrace);
}

}  // namespace
}  // namespace brig::policy
