// How often members may deploy and call.
#include "service/rates.hpp"

#include <gtest/gtest.h>

namespace brig::service {
namespace {

session::Caller member(const std::string& peer, const std::string& mesh = "acme") {
  session::Caller caller;
  caller.role = session::Caller::Role::user;
  caller.owner = "peer:" + mesh + ":" + peer;
  caller.mesh = mesh;
  caller.member = session::Caller::Member{peer, {}, session::Caller::Member::Role::owner};
  return caller;
}

TEST(Rates, AreOfEachMemberInEachMesh) {
  Meshes meshes;
  meshes.standard.calls_per_minute = 3;
  meshes.standard.deploys_per_minute = 1;
  meshes.named["big"].calls_per_minute = 6;
  Rates rates(meshes);
  SteadyTime now{};
  auto calls = [&](const session::Caller& who, const std::string& mesh) {
    int taken = 0;
    while (taken < 100 && rates.take(Operation::call, who, mesh, now)) ++taken;
    return taken;
  };
  EXPECT_EQ(rates.wait(Operation::call, member("ana"), "acme", now), Millis(0));
  EXPECT_EQ(calls(member("ana"), "acme"), 3);
  EXPECT_EQ(calls(member("bo"), "acme"), 3) << "another one's are his own";
  EXPECT_EQ(calls(member("ana", "big"), "big"), 6);
  EXPECT_TRUE(rates.take(Operation::deploy, member("ana"), "acme", now)) << "calls are not deployments";
  EXPECT_FALSE(rates.take(Operation::deploy, member("ana"), "acme", now));
  auto refused = rates.take(Operation::call, member("ana"), "acme", now);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::rate_limited);
  EXPECT_NE(refused.error().message.find("come again in 20 s"), std::string::npos) << refused.error().message;
  EXPECT_EQ(rates.wait(Operation::call, member("ana"), "acme", now), Millis(20'000));
  now += Millis(20'000);
  EXPECT_EQ(calls(member("ana"), "acme"), 1);
  now += std::chrono::hours(1);
  EXPECT_EQ(calls(member("ana"), "acme"), 3) << "a minute's worth at once, no more";
}

TEST(Rates, DoNotHoldWhereNothingIsSaid) {
  Meshes meshes;
  Rates none(meshes);
  SteadyTime now{};
  for (int i = 0; i < 1'000; ++i) EXPECT_TRUE(none.take(Operation::call, member("ana"), "acme", now));
  meshes.standard.calls_per_minute = 1;
  Rates some(meshes);
  auto host = member("root");
  host.role = session::Caller::Role::admin;
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(some.take(Operation::call, host, "acme", now));
}

}  // namespace
}  // namespace brig::service
