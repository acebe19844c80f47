// Identities, volumes, declared providers and hooks in the ledger.
#include "store/providers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/loop.hpp"
#include "store/identities.hpp"
#include "store/sessions.hpp"
#include "store/volumes.hpp"
#include "temp_dir.hpp"

namespace brig::store {
namespace {

using net::run_task;
using ::testing::HasSubstr;

class ProviderTables : public ::testing::Test {
 protected:
  ProviderTables() {
    auto opened = Database::open(dir / "brig.db");
    EXPECT_TRUE(opened) << opened.error().message;
    database = std::move(*opened);
  }
  IdentityRow identity(const std::string& id, const std::string& label, bool is_default = false) {
    return {id, "uid:1", "claude", label, "", is_default, WallTime{Millis{++clock_}}};
  }
  std::vector<IdentityRow> all() {
    IdentityTable table(*database);
    return *run_task(table.list(identity("seed", "Default")));
  }
  int defaults() {
    int n = 0;
    for (const auto& row : all()) n += row.is_default;
    return n;
  }
  void add_session(const std::string& id) {
    SessionRow row;
    row.id = SessionId(id);
    row.name = id;
    row.owner = "uid:1";
    row.link_key = Secret(std::string(32, 'k'));
    SessionTable sessions(*database);
    auto added = run_task(sessions.insert(row));
    ASSERT_TRUE(added) << added.error().message;
  }

  TempDir dir;
  std::unique_ptr<Database> database;
  int clock_ = 0;
};

TEST_F(ProviderTables, ThereIsAlwaysExactlyOneDefault) {
  IdentityTable table(*database);
  EXPECT_EQ(all().size(), 1u);
  EXPECT_EQ(all()[0].id, "seed");
  EXPECT_EQ(defaults(), 1);
  EXPECT_TRUE(run_task(table.create(identity("b", "B"), identity("x", "Default"))));
  EXPECT_EQ(defaults(), 1);
  EXPECT_TRUE(run_task(table.create(identity("c", "C", true), identity("x", "Default"))));
  EXPECT_EQ(defaults(), 1);
  EXPECT_TRUE(all()[2].is_default);
  EXPECT_EQ(run_task(table.create(identity("d", "C"), identity("x", "Default"))).error().code,
            Code::conflict);
  auto same = run_task(table.update("uid:1", "claude", "b", {}));
  ASSERT_TRUE(same);
  EXPECT_EQ(same->label, "B");
  EXPECT_FALSE(same->is_default);
  EXPECT_EQ(run_task(table.update("uid:1", "claude", "c", {{}, {}, false})).error().code, Code::conflict);
  EXPECT_TRUE(run_task(table.update("uid:1", "claude", "b", {{}, {}, true})));
  EXPECT_EQ(defaults(), 1);
  EXPECT_EQ(run_task(table.remove("uid:1", "claude", "b")).error().code, Code::conflict);  // the default
  EXPECT_EQ(run_task(table.remove("uid:2", "claude", "c")).error().code, Code::not_found);
  EXPECT_EQ(run_task(table.remove("uid:1", "codex", "c")).error().code, Code::not_found);
  EXPECT_TRUE(run_task(table.remove("uid:1", "claude", "c")));
  EXPECT_TRUE(run_task(table.remove("uid:1", "claude", "seed")));
  EXPECT_EQ(run_task(table.remove("uid:1", "claude", "b")).error().code, Code::conflict);  // the last
  EXPECT_EQ(all().size(), 1u);
}

TEST_F(ProviderTables, TheFirstOneMadeFindsADefaultBesideIt) {
  IdentityTable table(*database);
  EXPECT_TRUE(run_task(table.create(identity("b", "B"), identity("seed", "Default"))));
  ASSERT_EQ(all().size(), 2u);
  EXPECT_EQ(all()[0].label, "Default");
  EXPECT_EQ(defaults(), 1);
}

TEST_F(ProviderTables, AVolumeBelongsToOneOwner) {
  VolumeTable table(*database);
  VolumeRow row{"brig-a-1-1", "uid:1", "", "a", "1", "", 0, {}, {}, "", false};
  EXPECT_TRUE(run_task(table.claim(row)));
  EXPECT_TRUE(run_task(table.claim(row)));
  row.owner = "uid:2";
  auto refused = run_task(table.claim(row));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::denied);
  EXPECT_THAT(refused.error().message, HasSubstr("'brig-a-1-1'"));
  row.owner = "uid:1";
  row.mesh = "other";
  EXPECT_FALSE(run_task(table.claim(row)));
}

TEST_F(ProviderTables, AnOwnersVolumesHaveNamesOfTheirOwn) {
  add_session("0000000000000001");
  VolumeTable table(*database);
  VolumeRow row{"brig-shared-1-cache", "uid:1", "", "", "", "cache", 1 << 30, {}, {}, "", false};
  ASSERT_TRUE(run_task(table.create(row)));
  row.name = "brig-shared-2-cache";
  auto twice = run_task(table.create(row));
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().code, Code::conflict);
  row.mesh = "other";
  EXPECT_TRUE(run_task(table.create(row)));
  EXPECT_EQ(run_task(table.get("brig-shared-1-cache"))->bytes, std::uint64_t{1} << 30);

  // One that a session has stays; one that is being removed nobody gets any more.
  AttachmentRow has{SessionId("0000000000000001"), 0, "brig-shared-1-cache", "/x", "shared", true, "{}"};
  ASSERT_TRUE(run_task(table.attach({has}, WallTime{Millis{7}})));
  auto used = run_task(table.begin_removal("brig-shared-1-cache"));
  ASSERT_FALSE(used);
  EXPECT_EQ(used.error().code, Code::conflict);
  ASSERT_TRUE(run_task(table.detach(has.session, 0)));
  ASSERT_TRUE(run_task(table.begin_removal("brig-shared-1-cache")));
  EXPECT_FALSE(run_task(table.attach({has}, WallTime{Millis{8}})));
  EXPECT_FALSE(run_task(table.begin_removal("brig-shared-1-cache")));
  ASSERT_TRUE(run_task(table.end_removal("brig-shared-1-cache", false)));
  ASSERT_TRUE(run_task(table.begin_removal("brig-shared-1-cache")));
  ASSERT_TRUE(run_task(table.end_removal("brig-shared-1-cache", true)));
  EXPECT_EQ(run_task(table.list())->size(), 1u);
}

TEST_F(ProviderTables, AVolumeRemembersWhoHadItLast) {
  VolumeTable table(*database);
  ASSERT_TRUE(run_task(table.claim({"v", "uid:1", "", "claude", "seed", "", 0, {}, {}, "", false})));
  for (int i = 0; i < 12; ++i) {
    auto id = "00000000000000" + std::to_string(10 + i);
    add_session(id);
    AttachmentRow row{SessionId(id), 0, "v", "/x", "shared", true, "{}"};
    ASSERT_TRUE(run_task(table.attach({row}, WallTime{Millis{100 + i}})));
    ASSERT_TRUE(run_task(table.detach(row.session, 0)));
  }
  auto uses = *run_task(table.uses("v"));
  ASSERT_EQ(uses.size(), 10u);
  EXPECT_EQ(uses[0].session.str(), "0000000000000021");
  EXPECT_EQ(uses[0].name, "0000000000000021");
  EXPECT_EQ(uses[9].at, WallTime{Millis{102}});

  EXPECT_FALSE(run_task(table.get("v"))->pinned);
  EXPECT_TRUE(run_task(table.pin("v", true))->pinned);
  EXPECT_TRUE(run_task(table.list())->at(0).pinned);
  EXPECT_EQ(run_task(table.pin("w", true)).error().code, Code::not_found);
  // What its identity is called, while there is one.
  EXPECT_EQ(run_task(table.get("v"))->identity_label, "");
  (void)all();
  EXPECT_EQ(run_task(table.get("v"))->identity_label, "Default");
  // Gone with all that is known of it.
  ASSERT_TRUE(run_task(table.begin_removal("v")));
  ASSERT_TRUE(run_task(table.end_removal("v", true)));
  EXPECT_TRUE(run_task(table.uses("v"))->empty());
}

TEST_F(ProviderTables, WhoIsMadeWithAVolumeHasItAlready) {
  using Removal = VolumeTable::Removal;
  VolumeTable table(*database);
  VolumeRow shared{"brig-shared-1-cache", "uid:1", "", "", "", "cache", 1 << 30, {}, {}, "", false};
  ASSERT_TRUE(run_task(table.create(shared)));
  ASSERT_TRUE(
      run_task(table.claim({"brig-claude-i1-1", "uid:1", "", "claude", "i1", "", 0, {}, {}, "", false})));
  SessionTable sessions(*database);
  SessionRow row;
  row.id = SessionId("00000000000000aa");
  row.name = "making";
  row.owner = "uid:1";
  row.link_key = Secret(std::string(32, 'k'));
  row.phase = "preparing";
  row.provider = "claude";
  row.identity_id = "i1";
  row.volumes_json = R"([{"volume": "cache", "path": "/c", "read_only": false}])";
  ASSERT_TRUE(run_task(sessions.insert(row)));
  for (const char* name : {"brig-shared-1-cache", "brig-claude-i1-1"})
    for (auto how : {Removal::asked, Removal::pruned, Removal::archived}) {
      auto refused = run_task(table.begin_removal(name, how, WallTime{}));
      ASSERT_FALSE(refused) << name;
      EXPECT_THAT(refused.error().message, HasSubstr("'making'"));
    }
  // One that has ended needs them no more; another owner's never did.
  SessionChange ended;
  ended.phase = "ended";
  ASSERT_TRUE(run_task(sessions.update(row.id, ended)));
  row.id = SessionId("00000000000000bb");
  row.owner = "uid:2";
  row.identity_id = "i2";
  ASSERT_TRUE(run_task(sessions.insert(row)));
  EXPECT_TRUE(run_task(table.begin_removal("brig-claude-i1-1", Removal::pruned, WallTime{})));

  // Pinned it is no prune's, but may be removed by who asks for it.
  ASSERT_TRUE(run_task(table.pin(shared.name, true)));
  EXPECT_FALSE(run_task(table.begin_removal(shared.name, Removal::pruned, WallTime{})));
  EXPECT_FALSE(run_task(table.begin_removal(shared.name, Removal::archived, WallTime{})));
  EXPECT_TRUE(run_task(table.begin_removal(shared.name, Removal::asked, WallTime{})));
}

TEST_F(ProviderTables, AVolumeGoesIntoQuarantineAndOutByItsStages) {
  using Removal = VolumeTable::Removal;
  VolumeTable table(*database);
  VolumeRow row{"brig-shared-1-cache", "uid:1", "", "", "", "cache", 1 << 30, {}, {}, "", false};
  ASSERT_TRUE(run_task(table.create(row)));
  auto move = [&](const char* from, const char* to, std::uint64_t bytes = 0) {
    return run_task(table.move(row.name, from, to, WallTime{Millis{9}}, bytes)).ok();
  };
  auto is = [&] { return *run_task(table.get(row.name)); };
  EXPECT_FALSE(move(stage::kArchiving, stage::kArchived));
  ASSERT_TRUE(run_task(table.begin_removal(row.name, Removal::archived, WallTime{Millis{8}})));
  EXPECT_EQ(is().stage, stage::kArchiving);
  EXPECT_TRUE(is().removing);
  EXPECT_EQ(is().staged, WallTime{Millis{8}});
  EXPECT_FALSE(run_task(table.claim(row)));
  EXPECT_FALSE(run_task(table.begin_removal(row.name)));
  EXPECT_TRUE(move(stage::kArchiving, stage::kArchived, 77));
  EXPECT_TRUE(move(stage::kArchived, stage::kQuarantined));
  EXPECT_EQ(is().archive_bytes, 77u);
  EXPECT_TRUE(move(stage::kQuarantined, stage::kRestoring));
  EXPECT_FALSE(run_task(table.begin_removal(row.name)));
  EXPECT_TRUE(move(stage::kRestoring, stage::kPresent));
  EXPECT_FALSE(is().removing);
  EXPECT_TRUE(run_task(table.claim(row)));
  // For good, out of quarantine.
  ASSERT_TRUE(run_task(table.begin_removal(row.name, Removal::archived, WallTime{})));
  ASSERT_TRUE(move(stage::kArchiving, stage::kArchived) && move(stage::kArchived, stage::kQuarantined));
  EXPECT_FALSE(run_task(table.begin_removal(row.name, Removal::pruned, WallTime{})));
  ASSERT_TRUE(run_task(table.begin_removal(row.name)));
  EXPECT_TRUE(is().removing);
  EXPECT_EQ(is().stage, stage::kPresent);
  EXPECT_FALSE(move(stage::kPresent, stage::kArchiving));
  ASSERT_TRUE(run_task(table.end_removal(row.name, true)));
  EXPECT_FALSE(run_task(table.get(row.name)));
}

TEST_F(ProviderTables, AVolumeThatWasLostIsAdoptedOnce) {
  VolumeTable table(*database);
  VolumeRow row{"brig-shared-1-cache", "uid:1", "", "",   "", "cache", 1 << 30,
                WallTime{Millis{5}},   {},      "", false};
  EXPECT_TRUE(*run_task(table.adopt(row)));
  EXPECT_FALSE(*run_task(table.adopt(row)));
  row.name = "brig-shared-2-cache";
  EXPECT_FALSE(*run_task(table.adopt(row)));  // he has one of that name
  EXPECT_EQ(run_task(table.list())->size(), 1u);
}

TEST_F(ProviderTables, ASessionWithAttachmentsCannotBeForgotten) {
  add_session("0000000000000001");
  VolumeTable table(*database);
  ASSERT_TRUE(run_task(table.claim({"v", "uid:1", "", "a", "1", "", 0, {}, {}, "", false})));
  AttachmentRow row{SessionId("0000000000000001"), 0, "v", "/x", "shared", true, "{}"};
  ASSERT_TRUE(run_task(table.attach({row}, WallTime{Millis{7}})));
  EXPECT_EQ(run_task(table.list())->at(0).attached_by, "0000000000000001");
  EXPECT_EQ(run_task(table.attachments_of("v"))->size(), 1u);
  SessionTable sessions(*database);
  EXPECT_FALSE(run_task(sessions.remove(row.session)));
  EXPECT_TRUE(run_task(table.detach(row.session, 0)));
  EXPECT_TRUE(run_task(sessions.remove(row.session)));
  EXPECT_TRUE(run_task(table.attachments(row.session))->empty());
}

TEST_F(ProviderTables, DeclaredProvidersAndHooks) {
  ProviderTable providers(*database);
  auto first = run_task(providers.put({"x", "{}", "uid:0", WallTime{Millis{1}}, WallTime{Millis{1}}}));
  ASSERT_TRUE(first) << first.error().message;
  auto second =
      run_task(providers.put({"x", "{\"a\":1}", "uid:0", WallTime{Millis{2}}, WallTime{Millis{2}}}));
  ASSERT_TRUE(second);
  EXPECT_EQ(second->created, WallTime{Millis{1}});
  EXPECT_EQ(run_task(providers.list())->at(0).declaration, "{\"a\":1}");
  EXPECT_TRUE(run_task(providers.remove("x")));
  EXPECT_EQ(run_task(providers.remove("x")).error().code, Code::not_found);

  add_session("0000000000000002");
  HookTable hooks(*database);
  SessionId id("0000000000000002");
  EXPECT_FALSE(*run_task(hooks.find(id)));
  ASSERT_TRUE(run_task(hooks.put({id, "/bin/x", "/p", "asked", "null", 5000})));
  ASSERT_TRUE(run_task(hooks.put({id, "/bin/x", "/p", "answered", "{}", 5000})));
  EXPECT_EQ((*run_task(hooks.find(id)))->phase, "answered");
  SessionTable sessions(*database);
  EXPECT_FALSE(run_task(sessions.remove(id)));
  EXPECT_TRUE(run_task(hooks.remove(id)));
  EXPECT_TRUE(run_task(sessions.remove(id)));
}

}  // namespace
}  // namespace brig::store
