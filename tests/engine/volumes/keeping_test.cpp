// What comes back although the ledger does not know it.
#include "prune_house.hpp"
#include "store/connection.hpp"

namespace brig::test {
namespace {

// A power cut costs the ledger's last commits, and not what it had on the disk by then; somebody may lose the
// ledger altogether.
TEST_F(Prune, GivesBackWhatALedgerForgot) {
  make({"cache"});
  auto sum = fill("cache", 1000);
  auto name = engine_name("cache");
  auto set_back = [&](const char* stage_then) {
    ASSERT_EQ(brigd.stop_politely(), 0);
    {
      auto ledger = store::Connection::open(brigd.state() / "brig.db");
      ASSERT_TRUE(ledger);
      auto s = (*ledger)->prepare("UPDATE volumes SET stage = ?2, removing = 1 WHERE name = ?1");
      ASSERT_TRUE(s);
      s->bind(1, name).bind(2, stage_then);
      ASSERT_TRUE(s->done());
    }
    brigd.start();
  };
  ASSERT_EQ(prune().code, 0);
  set_back("archiving");
  eventually([&] { return stage("cache") == "quarantined"; }, "its archive counts");
  EXPECT_EQ(brigd.brig({"volume", "restore", "cache"}).code, 0);
  set_back("restoring");
  eventually([&] { return stage("cache").empty(); }, "its image counts");
  EXPECT_EQ(sh("cache", "md5sum /v/x").out, sum);

  eventually([&] { return plan()["cache"] == "goes"; }, "nobody has it");
  ASSERT_EQ(prune().code, 0);
  ASSERT_EQ(brigd.stop_politely(), 0);
  for (const char* file : {"brig.db", "brig.db-wal", "brig.db-shm"})
    std::filesystem::remove(brigd.state() / file);
  brigd.start();
  ASSERT_EQ(quarantined().size(), 1u);
  EXPECT_EQ(quarantined()[0]["name"], "cache");
  EXPECT_EQ(brigd.brig({"volume", "restore", "cache"}).out, "cache\n");
  EXPECT_EQ(sh("cache", "md5sum /v/x").out, sum);
}

}  // namespace
}  // namespace brig::test
