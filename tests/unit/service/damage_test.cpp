// A service whose row of the ledger does not read: it is there, and in nobody's way.
#include <gmock/gmock.h>

#include "manager_house.hpp"

namespace brig::service::test {
namespace {

using testing::HasSubstr;

net::Task<void> keeps_nobody_back(House& house) {
  for (const char* name : {"mine", "other", "third"}) {
    auto deployed = co_await house.deploy(name);
    EXPECT_TRUE(deployed) << deployed.error().message;
  }
  auto again = co_await house.deploy("mine");  // a second version
  EXPECT_TRUE(again);
  auto before = co_await house.table.find("acme", "mine");
  auto back = co_await house.restart(
      R"(UPDATE services SET spec_json = '{"directory":{"path":7}}' WHERE name = 'mine';
         UPDATE services SET built_json = '{"command":["node",1]}' WHERE name = 'third';)");
  EXPECT_TRUE(back) << back.error().message;
  for (const char* name : {"mine", "third"}) {
    EXPECT_EQ(house.view(name).state, State::failed) << name;
    EXPECT_THAT(house.reason(name), HasSubstr("does not read"));
    EXPECT_THAT(house.reason(name), HasSubstr("deploy it again, or remove it"));
    auto called = co_await house.call(name);
    EXPECT_THAT(called.error().message, HasSubstr("is failed: what the ledger has of it does not read"));
    auto updated = co_await house.manager->update(house.admin, "acme", name, nullptr);
    EXPECT_EQ(updated.error().code, Code::conflict) << name;
    EXPECT_FALSE(house.manager->check_update(house.admin, "acme", name));
    auto rolled = co_await house.manager->rollback(house.admin, "acme", name, std::nullopt, nullptr);
    EXPECT_THAT(rolled.error().message, HasSubstr("does not read")) << name;
    auto restarted = co_await house.manager->restart(house.admin, "acme", name);
    EXPECT_THAT(restarted.error().message, HasSubstr("does not read")) << name;
    auto stopped = co_await house.manager->stop(house.admin, "acme", name);
    EXPECT_THAT(stopped.error().message, HasSubstr("does not read")) << name;
  }
  EXPECT_EQ(house.view("mine").source, "unknown");
  EXPECT_TRUE(co_await house.until_state("other", State::running));
  auto called = co_await house.call("other");
  EXPECT_TRUE(called) << called.error().message;
  auto alone = [&house] { return house.hosting.boxes.size() == 1; };
  EXPECT_TRUE(co_await house.until(alone)) << "what ran of it has ended";

  // All that could be read by a brigd that reads more is there as it was.
  auto row = co_await house.table.find("acme", "mine");
  EXPECT_EQ((*row)->spec_json, R"({"directory":{"path":7}})");
  EXPECT_EQ((*row)->env, (*before)->env);
  EXPECT_EQ((*row)->artefact, (*before)->artefact);
  EXPECT_EQ((*row)->wanted, "running");
  auto versions = co_await house.table.versions("acme", "mine");
  EXPECT_EQ(versions->size(), 2u);
  auto artefact = co_await house.table.artefact((*row)->artefact);
  EXPECT_TRUE(artefact->has_value());

  auto anew = co_await house.deploy("mine");
  EXPECT_TRUE(anew) << anew.error().message;
  EXPECT_EQ(house.view("mine").state, State::running);
  EXPECT_EQ(house.view("mine").source, "directory");
  EXPECT_EQ(house.view("mine").inside->versions.size(), 3u);
  called = co_await house.call("mine");
  EXPECT_TRUE(called) << called.error().message;
  auto removed = co_await house.manager->remove(house.admin, "acme", "third");
  EXPECT_TRUE(removed) << removed.error().message;
  EXPECT_FALSE(house.manager->get(house.admin, "acme", "third"));

  // Whole again at the next start, if the row is.
  back = co_await house.restart("UPDATE services SET spec_json = '[]' WHERE name = 'other';");
  EXPECT_EQ(house.view("other").state, State::failed);
  back = co_await house.restart(
      "UPDATE services SET spec_json = (SELECT spec_json FROM service_versions WHERE name = 'other')"
      " WHERE name = 'other';");
  EXPECT_TRUE(co_await house.until_state("other", State::running));
}

TEST(DamagedService, KeepsNobodyBack) {
  play(keeps_nobody_back);
}

// A deployment over it that fails leaves it, and what is told of it, as it was.
net::Task<void> stays_as_it_was(House& house) {
  auto deployed = co_await house.deploy("mine");
  EXPECT_TRUE(deployed);
  auto back = co_await house.restart(
      "UPDATE services SET spec_json = 'x', wanted = 'stopped', artefact = '' WHERE name = 'mine';");
  EXPECT_TRUE(back) << back.error().message;
  auto reason = house.reason("mine");
  EXPECT_THAT(reason, HasSubstr("does not read"));
  std::filesystem::remove(house.dir / "source");
  deployed = co_await house.deploy("mine");
  EXPECT_FALSE(deployed);
  EXPECT_EQ(house.view("mine").state, State::failed);
  EXPECT_EQ(house.reason("mine"), reason);
  auto row = co_await house.table.find("acme", "mine");
  EXPECT_EQ((*row)->spec_json, "x");
}

TEST(DamagedService, StaysAsItWasWhereADeploymentOverItFails) {
  play(stays_as_it_was);
}

}  // namespace
}  // namespace brig::service::test
