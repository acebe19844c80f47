// Who may see, call and change a service: every scope × identity × operation.
#include "service/access.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "access_table.hpp"
#include "service/permissions.hpp"
#include "session/member.hpp"

namespace brig::service {
namespace {

using session::Caller;
using test::access::Expected;
using testing::HasSubstr;

Caller caller_of(const test::access::Identity& who) {
  Caller out;
  if (who.host_role == "user") out.role = Caller::Role::user;
  if (who.host_role == "admin") out.role = Caller::Role::admin;
  out.owner = who.owner;
  out.mesh = who.mesh;
  if (who.peer.empty()) return out;
  out.member = Caller::Member{std::string(who.peer), {}, *session::member_role_of(who.role)};
  for (auto group : who.groups) out.member->groups.emplace_back(group);
  return out;
}

TEST(ServiceAccess, IsDecidedAsTheTableSays) {
  const std::pair<char, Operation> kOperations[] = {{'s', Operation::see},
                                                    {'c', Operation::call},
                                                    {'i', Operation::inspect},
                                                    {'x', Operation::change},
                                                    {'r', Operation::replace}};
  std::size_t decided = 0;
  for (const auto& one : test::access::cases()) {
    auto scope = read_scope(one.scope);
    ASSERT_TRUE(scope) << one.name << ": " << scope.error().message;
    Target target{one.name, test::access::kDeployer, *scope};
    for (const auto& who : test::access::identities()) {
      for (auto [letter, operation] : kOperations) {
        auto decision = decide(operation, caller_of(who), "acme", &target, {});
        auto where = std::string(one.name) + ", " + std::string(who.name) + ", " + letter;
        auto wanted = test::access::expected(one, who, letter);
        EXPECT_EQ(decision.allowed(), wanted == Expected::allowed) << where << ": " << decision.reason;
        EXPECT_EQ(decision.hidden(), wanted == Expected::hidden) << where << ": " << decision.reason;
        EXPECT_FALSE(decision.reason.empty()) << where;
        ++decided;
      }
    }
  }
  EXPECT_EQ(decided, test::access::cases().size() * test::access::identities().size() * 5);
}

TEST(ServiceAccess, OfAMeshIsItsMembers) {
  for (const auto& who : test::access::identities()) {
    auto decision = decide(Operation::deploy, caller_of(who), "acme", nullptr, {});
    bool within = who.mesh == "acme" || who.host_role == "admin";
    EXPECT_EQ(decision.hidden(), !within) << who.name;
    EXPECT_EQ(decision.allowed(), within && who.may.find('d') != who.may.npos) << who.name;
  }
  // No mesh is nobody's, also of those who have none.
  Caller stray;
  stray.role = Caller::Role::user;
  EXPECT_TRUE(decide(Operation::deploy, stray, "", nullptr, {}).hidden());
  EXPECT_TRUE(decide(Operation::see, stray, "acme", nullptr, {}).hidden());
}

// Every role × override × permission, and what hangs on it.
TEST(ServiceAccess, OverridesOfAPeerStandAboveItsRole) {
  using Role = Caller::Member::Role;
  struct Row {
    Permission permission;
    Operation operation;
    bool member, admin, owner;  // by role alone
  };
  constexpr Row kRows[] = {{Permission::deploy, Operation::deploy, true, true, true},
                           {Permission::tools, Operation::call, true, true, true},
                           {Permission::permissions, Operation::inspect, false, true, true}};
  Scope mesh;
  mesh.mesh = true;
  Target target{"db", "peer:acme:dana", mesh};
  for (const auto& row : kRows) {
    for (auto [role, by_role] :
         {std::pair{Role::member, row.member}, {Role::admin, row.admin}, {Role::owner, row.owner}}) {
      for (std::optional<bool> said : {std::optional<bool>(), std::optional(true), std::optional(false)}) {
        Caller caller;
        caller.role = Caller::Role::user;
        caller.owner = "peer:acme:zoe";
        caller.mesh = "acme";
        caller.member = Caller::Member{"zoe", {}, role};
        Overrides overrides;
        overrides[static_cast<std::size_t>(row.permission)] = said;
        bool wanted = said.value_or(by_role);
        EXPECT_EQ(may(caller, row.permission, overrides), wanted);
        const auto* at = row.operation == Operation::deploy ? nullptr : &target;
        EXPECT_EQ(decide(row.operation, caller, "acme", at, overrides).allowed(), wanted);
        EXPECT_TRUE(decide(Operation::see, caller, "acme", &target, overrides).allowed());
        // Of another, or of nobody in particular, it says nothing; nor of an admin of this host, or a viewer.
        caller.member.reset();
        EXPECT_EQ(may(caller, row.permission, overrides), row.member);
        caller.role = Caller::Role::admin;
        EXPECT_TRUE(may(caller, row.permission, overrides));
        caller.role = Caller::Role::viewer;
        EXPECT_FALSE(may(caller, row.permission, overrides));
      }
    }
  }
  // A deployer who may deploy no more changes nothing either, and still looks after it.
  Caller dana;
  dana.role = Caller::Role::user;
  dana.owner = "peer:acme:dana";
  dana.mesh = "acme";
  dana.member = Caller::Member{"dana", {}, Role::member};
  Overrides no_more;
  no_more[static_cast<std::size_t>(Permission::deploy)] = false;
  EXPECT_FALSE(decide(Operation::change, dana, "acme", &target, no_more).allowed());
  EXPECT_FALSE(decide(Operation::replace, dana, "acme", &target, no_more).allowed());
  EXPECT_TRUE(decide(Operation::inspect, dana, "acme", &target, no_more).allowed());
}

TEST(ServiceAccess, OverridesAreReadAsTheyWereWritten) {
  Overrides some;
  some[0] = true;
  some[3] = false;
  EXPECT_EQ(to_json(some), R"({"deploy":true,"permissions":false})");
  EXPECT_EQ(overrides_from_json(to_json(some)), some);
  EXPECT_EQ(overrides_from_json("{}"), Overrides());
  Overrides nothing;
  nothing.fill(false);
  for (const char* damaged : {"", "null", "[]", R"({"deploy":1})", R"({"root":true})"})
    EXPECT_EQ(overrides_from_json(damaged), nothing) << damaged;
}

TEST(ServiceAccess, TellsWhyToWhoeverRunsTheHost) {
  auto scope = *read_scope(R"({"group": "eng"})");
  Target target{"db", "peer:acme:dana", scope};
  Caller caller;
  caller.role = Caller::Role::user;
  caller.mesh = "acme";
  caller.member = Caller::Member{"zoe", {"ops", "sales"}, Caller::Member::Role::admin};
  EXPECT_EQ(decide(Operation::call, caller, "acme", &target, {}).reason,
            "peer 'zoe', admin in ops, sales is not in its scope, groups eng");
}

TEST(ServiceScope, IsReadStrictly) {
  for (const char* text : {"",
                           "null",
                           "[]",
                           "1",
                           "true",
                           R"("")",
                           R"("everyone")",
                           R"("Mesh")",
                           R"("mesh ")",
                           "{}",
                           R"({"peers": []})",
                           R"({"peers": [""]})",
                           R"({"peers": "ana"})",
                           R"({"peers": [1]})",
                           R"({"peers": ["a b"]})",
                           R"({"peers": ["ana", "ana"]})",
                           R"({"peers": ["ana"], "peers": ["bo"]})",
                           R"({"group": ""})",
                           R"({"group": "/"})",
                           R"({"group": "a/"})",
                           R"({"group": "/a"})",
                           R"({"group": "a//b"})",
                           R"({"group": "a/../b"})",
                           R"({"group": "*"})",
                           R"({"group": ["a"]})",
                           R"({"group": "a/b/c/d/e/f/g/h/i"})",
                           R"({"groups": []})",
                           R"({"group": "a", "groups": ["a"]})",
                           R"({"role": "root"})",
                           R"({"role": ""})",
                           R"({"role": "Admin"})",
                           R"({"roles": []})",
                           R"({"role": "admin", "roles": ["admin"]})",
                           R"({"mesh": true})",
                           R"({"peers": ["ana"], "x": 1})",
                           R"("mesh" "peer")",
                           "{\"peers\": [\"\xff\"]}"}) {
    auto scope = read_scope(text);
    ASSERT_FALSE(scope) << text;
    EXPECT_THAT(scope.error().message, HasSubstr("scope")) << text;
  }
  EXPECT_THAT(read_scope(R"({"peers": []})").error().message, HasSubstr("names nobody"));
  EXPECT_THAT(read_scope(R"({"grop": "a"})").error().message, HasSubstr("'group'"));
  std::string many = R"({"peers": [)";
  for (int i = 0; i < 257; ++i) many += (i ? ",\"p" : "\"p") + std::to_string(i) + "\"";
  EXPECT_THAT(read_scope(many + "]}").error().message, HasSubstr("use a group"));
  std::string deep(100'000, '[');
  EXPECT_FALSE(read_scope(deep));
}

TEST(ServiceScope, IsWrittenAsItIsRead) {
  for (const char* text :
       {R"("peer")", R"("mesh")", R"({"peers":["ana"]})", R"({"peers":["ana","bo"]})", R"({"group":"a/b"})",
        R"({"groups":["a","b"]})", R"({"role":"admin"})", R"({"roles":["member","owner"]})",
        R"({"group":"a","peers":["ana"],"role":"owner"})"}) {
    auto scope = read_scope(text);
    ASSERT_TRUE(scope) << text;
    EXPECT_EQ(to_json(*scope), text);
    EXPECT_FALSE(to_text(*scope).empty());
  }
  EXPECT_EQ(to_json(*read_scope(R"({"groups": ["a"], "roles": ["admin"]})")),
            R"({"group":"a","role":"admin"})");
}

TEST(Members, AreNamedAndGroupedByARule) {
  using session::check_group, session::check_peer, session::is_within;
  for (const char* good : {"ana", "a", "1", "ana@example.org", "bot:7", "a.b-c_d"})
    EXPECT_TRUE(check_peer("peer", good)) << good;
  for (const auto& bad : {std::string(), std::string("-a"), std::string("a b"), std::string("a/b"),
                          std::string("a\0b", 3), std::string("é"), std::string(65, 'a')})
    EXPECT_FALSE(check_peer("peer", bad)) << bad;
  EXPECT_TRUE(check_group("group", "a/b-c/d.e"));
  for (const char* bad : {"", "/", "a/", "/a", "a//b", "..", "a/..", "a:b", "a,b"})
    EXPECT_FALSE(check_group("group", bad)) << bad;
  EXPECT_TRUE(is_within("a", "a"));
  EXPECT_TRUE(is_within("a/b", "a"));
  EXPECT_FALSE(is_within("a", "a/b"));
  EXPECT_FALSE(is_within("ab", "a"));
  EXPECT_EQ(session::owner_of("acme", "ana"), "peer:acme:ana");
}

}  // namespace
}  // namespace brig::service
