#include "vault/vault.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../store/temp_dir.hpp"
#include "net/loop.hpp"
#include "store/sessions.hpp"

namespace brig::vault {
namespace {

using net::run_task;
using testing::HasSubstr;

class AVault : public ::testing::Test {
 protected:
  AVault() { reopen(); }
  void reopen() {
    vault.reset();
    table.reset();
    database.reset();
    database = std::move(*store::Database::open(dir / "brig.db"));
    table.emplace(*database);
    vault.emplace(*table, clock, dir / "vault.key");
  }
  void set(const std::string& name, const char* value) {
    auto done = run_task(vault->set(alice, name, Secret(value)));
    ASSERT_TRUE(done) << done.error().message;
  }
  std::string value(const std::string& name) {
    auto opened = run_task(vault->open(alice, name));
    return opened ? std::string(opened->reveal()) : opened.error().message;
  }
  void session(const char* id, const char* name, const char* phase) {
    store::SessionRow row;
    row.id = SessionId(id);
    row.name = name;
    row.owner = "alice";
    row.phase = phase;
    row.link_key = Secret(std::string(32, 'k'));
    ASSERT_TRUE(run_task(store::SessionTable(*database).insert(row)));
    std::vector<store::CredentialRow> rows{{"KEY", "{}", "p"}};
    ASSERT_TRUE(run_task(store::CredentialTable(*database).replace(row.id, rows)));
  }

  store::TempDir dir;
  FakeClock clock;
  std::unique_ptr<store::Database> database;
  std::optional<store::VaultTable> table;
  std::optional<Vault> vault;
  Scope alice{"alice", ""};
};

TEST_F(AVault, KeepsValuesAcrossRestarts) {
  set("KEY", "one");
  set("OTHER", "two");
  reopen();
  EXPECT_EQ(value("KEY"), "one");
  EXPECT_EQ(value("OTHER"), "two");
  EXPECT_THAT(value("NONE"), HasSubstr("'brig vault set NONE'"));
}

TEST_F(AVault, ReplacesAtOnceAndRemembersWhen) {
  set("KEY", "one");
  auto made = clock.wall();
  EXPECT_EQ(value("KEY"), "one");
  clock.advance(Millis{5000});
  set("KEY", "two");
  EXPECT_EQ(value("KEY"), "two");
  auto list = run_task(vault->list(alice));
  ASSERT_TRUE(list);
  ASSERT_EQ(list->size(), 1u);
  EXPECT_EQ((*list)[0].created, made);
  EXPECT_EQ((*list)[0].replaced, made + Millis{5000});
  EXPECT_EQ((*list)[0].last_used, made);  // noted once a minute
  clock.advance(Millis{60'000});
  EXPECT_EQ(value("KEY"), "two");
  EXPECT_EQ((*run_task(vault->list(alice)))[0].last_used, clock.wall());
}

TEST_F(AVault, SaysWhoUsesWhatIsToBeRemoved) {
  set("KEY", "one");
  session("0123456789abcdef", "fix", "running");
  session("1123456789abcdef", "old", "ended");
  auto refused = run_task(vault->remove(alice, "KEY", false));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::conflict);
  EXPECT_THAT(refused.error().message, HasSubstr("'fix'"));
  EXPECT_THAT(refused.error().message, testing::Not(HasSubstr("'old'")));
  EXPECT_EQ(value("KEY"), "one");
  EXPECT_FALSE(run_task(vault->remove({"bob", ""}, "KEY", true)));
  ASSERT_TRUE(run_task(vault->remove(alice, "KEY", true)));
  EXPECT_THAT(value("KEY"), HasSubstr("there is no 'KEY'"));
}

TEST_F(AVault, MakesNoNewKeyWhileTheOldOneIsMissed) {
  set("KEY", "one");
  reopen();
  std::filesystem::remove(dir / "vault.key");
  auto lost = run_task(vault->set(alice, "OTHER", Secret("two")));
  ASSERT_FALSE(lost);
  EXPECT_THAT(lost.error().message, HasSubstr("put it back"));
  EXPECT_FALSE(std::filesystem::exists(dir / "vault.key"));
  ASSERT_TRUE(run_task(vault->remove(alice, "KEY", false)));
  set("OTHER", "two");
  EXPECT_EQ(value("OTHER"), "two");
}

TEST_F(AVault, IsBounded) {
  for (std::size_t i = 0; i < kMaxValues; ++i) set("K" + std::to_string(i), "v");
  auto over = run_task(vault->set(alice, "ONE_MORE", Secret("v")));
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, Code::too_large);
  set("K7", "replaced");
  EXPECT_TRUE(run_task(vault->set({"bob", ""}, "HIS", Secret("v"))));
}

}  // namespace
}  // namespace brig::vault
