// What an owner may have: counted from the ledger and from what is on its way there.
#include "session/quota.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "session/tenancy.hpp"

namespace brig::session {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

store::SessionRow row(const std::string& id, const std::string& owner, const std::string& phase) {
  store::SessionRow out;
  out.id = SessionId(id);
  out.owner = owner;
  out.phase = phase;
  out.policy_json = R"({"limits":{"memory":"1 GiB","disk":"2 GiB"}})";
  return out;
}

struct Fixture {
  explicit Fixture(Quota standard, std::map<std::string, Quota> owners = {})
      : quotas({standard, std::move(owners)}, clock, metrics) {}
  FakeClock clock;
  metrics::Registry metrics;
  Quotas quotas;
  Result<void> try_one(const std::vector<store::SessionRow>& ledger, std::uint64_t memory = kGiB,
                       std::uint64_t disk = kGiB) {
    auto claim = quotas.claim("alice", {SessionId("new"), memory, disk});
    return quotas.check(claim, ledger);
  }
};

TEST(Quotas, CountWhatTheOwnerHas) {
  std::vector<store::SessionRow> ledger = {row("1", "alice", "running"), row("2", "alice", "paused"),
                                           row("3", "alice", "ended"), row("4", "bob", "running")};
  EXPECT_TRUE(Fixture({.sessions = 3}).try_one(ledger));
  auto full = Fixture({.sessions = 2}).try_one(ledger);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Code::exhausted);
  EXPECT_THAT(full.error().message,
              testing::AllOf(HasSubstr("'sessions'"), HasSubstr("2 of 2"), HasSubstr("brig stop")));

  EXPECT_TRUE(Fixture({.memory = 3 * kGiB}).try_one(ledger));
  auto memory = Fixture({.memory = 3 * kGiB}).try_one(ledger, kGiB + 1);
  ASSERT_FALSE(memory);
  EXPECT_THAT(memory.error().message,
              testing::AllOf(HasSubstr("'memory'"), HasSubstr("2.0 GiB"), HasSubstr("3.0 GiB")));

  EXPECT_TRUE(Fixture({.disk = 7 * kGiB}).try_one(ledger));  // the ended one still has its disk
  EXPECT_FALSE(Fixture({.disk = 7 * kGiB - 1}).try_one(ledger));
  EXPECT_THAT(Fixture({.disk = 7 * kGiB}).try_one(ledger, kGiB, 0).error().message, HasSubstr("--disk"));

  EXPECT_TRUE(Fixture({}).try_one(ledger));
  EXPECT_TRUE(Fixture({.sessions = 1}, {{"alice", {.sessions = 9}}}).try_one(ledger));
  EXPECT_FALSE(Fixture({}, {{"alice", {.sessions = 1}}}).try_one(ledger));
}

TEST(Quotas, ClaimsStandInForRowsThatAreOnTheirWay) {
  Fixture f({.sessions = 2});
  auto first = f.quotas.claim("alice", {SessionId("1"), 0, 0});
  auto second = f.quotas.claim("alice", {SessionId("2"), 0, 0});
  auto third = f.quotas.claim("alice", {SessionId("3"), 0, 0});
  auto bobs = f.quotas.claim("bob", {SessionId("4"), 0, 0});
  EXPECT_TRUE(f.quotas.check(first, {}));  // who came later does not count
  EXPECT_TRUE(f.quotas.check(second, {}));
  EXPECT_FALSE(f.quotas.check(third, {}));
  EXPECT_TRUE(f.quotas.check(bobs, {}));
  // A row that is there while its claim still stands counts once.
  EXPECT_TRUE(f.quotas.check(second, {row("1", "alice", "preparing")}));
  first.drop();
  EXPECT_TRUE(f.quotas.check(third, {}));
  EXPECT_FALSE(f.quotas.check(third, {row("1", "alice", "preparing")}));
}

TEST(Quotas, StartsAMinuteComeBack) {
  Fixture f({.starts_per_minute = 3});
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(f.quotas.start("alice"));
  auto refused = f.quotas.start("alice");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::rate_limited);
  EXPECT_THAT(refused.error().message, HasSubstr("come again in 20 s"));
  EXPECT_EQ(f.quotas.wait("alice"), Millis{20'000});
  EXPECT_EQ(f.quotas.wait("bob"), Millis{0});
  EXPECT_TRUE(f.quotas.start("bob"));
  f.clock.advance(Millis{20'000});
  EXPECT_TRUE(f.quotas.start("alice"));
  EXPECT_FALSE(f.quotas.start("alice"));
}

TEST(Tenancy, IsOneRule) {
  using Role = Caller::Role;
  auto caller = [](Role role, const std::string& owner, const std::string& mesh) {
    Caller out;
    out.role = role;
    out.owner = owner;
    out.mesh = mesh;
    return out;
  };
  struct Case {
    Role role;
    const char *owner, *mesh, *of_owner, *of_mesh;
    bool sees;
  };
  const Case cases[] = {
      {Role::admin, "root", "", "alice", "red", true},   {Role::user, "alice", "", "alice", "", true},
      {Role::user, "alice", "", "alice", "red", true},   {Role::user, "alice", "red", "alice", "red", true},
      {Role::user, "alice", "red", "alice", "", false},  {Role::user, "alice", "red", "alice", "blue", false},
      {Role::user, "bob", "red", "alice", "red", false}, {Role::viewer, "alice", "", "alice", "", true},
      {Role::viewer, "bob", "", "alice", "", false},     {Role::viewer, "", "", "alice", "", false},
  };
  for (const auto& c : cases)
    EXPECT_EQ(may_see(caller(c.role, c.owner, c.mesh), c.of_owner, c.of_mesh), c.sees)
        << c.owner << "/" << c.mesh << " and " << c.of_owner << "/" << c.of_mesh;

  EXPECT_EQ(*mesh_for(caller(Role::admin, "root", ""), "red"), "red");
  EXPECT_EQ(*mesh_for(caller(Role::user, "alice", "red"), ""), "red");
  EXPECT_EQ(*mesh_for(caller(Role::user, "alice", ""), ""), "");
  EXPECT_EQ(mesh_for(caller(Role::user, "alice", "red"), "blue").error().code, Code::denied);
  EXPECT_EQ(mesh_for(caller(Role::user, "alice", ""), "red").error().code, Code::denied);
  EXPECT_EQ(mesh_for(caller(Role::admin, "root", ""), "a b").error().code, Code::invalid);
  EXPECT_TRUE(check_owner("uid:1000"));
  EXPECT_TRUE(check_owner("alice@example.org"));
  for (const char* bad : {"", "-x", "a b", "a/b", "a\n"}) EXPECT_FALSE(check_owner(bad)) << bad;
}

}  // namespace
}  // namespace brig::session
