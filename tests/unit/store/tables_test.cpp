#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/loop.hpp"
#include "store/checkpoints.hpp"
#include "store/sessions.hpp"
#include "store/tokens.hpp"
#include "temp_dir.hpp"

namespace brig::store {
namespace {

using net::run_task;
using ::testing::HasSubstr;

class Tables : public ::testing::Test {
 protected:
  void SetUp() override { reopen(); }
  void reopen() {
    database.reset();
    auto opened = Database::open(dir / "brig.db");
    ASSERT_TRUE(opened) << opened.error().message;
    database = std::move(*opened);
  }
  SessionTable sessions() { return SessionTable(*database); }
  ProcessTable processes() { return ProcessTable(*database); }
  TokenTable tokens() { return TokenTable(*database); }

  TempDir dir;
  std::unique_ptr<Database> database;
};

WallTime at(std::int64_t ms) {
  return WallTime{Millis{ms}};
}

SessionRow session(const std::string& id, const std::string& name, const std::string& owner = "uid:1000") {
  SessionRow row;
  row.id = SessionId(id);
  row.name = name;
  row.owner = owner;
  row.phase = "preparing";
  row.reason = "asked for";
  row.provider = "shell";
  row.image_tag = "brig/shell:1";
  row.image_id = "sha256:00";
  row.profile = "default";
  row.runtime = "runc";
  row.policy_json = "{\"a\":1}";
  row.policy_hash = "ff";
  row.project = "/home/me/app";
  row.container_name = "brig-" + id;
  row.link_key = Secret(std::string(31, 'k') + '\0');
  row.labels_json = "{\"team\":\"red\"}";
  row.remove_when_ended = true;
  row.created = at(1'700'000'000'123);
  return row;
}

void expect_equal(const SessionRow& a, const SessionRow& b) {
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.owner, b.owner);
  EXPECT_EQ(a.phase, b.phase);
  EXPECT_EQ(a.reason, b.reason);
  EXPECT_EQ(a.provider, b.provider);
  EXPECT_EQ(a.image_tag, b.image_tag);
  EXPECT_EQ(a.image_id, b.image_id);
  EXPECT_EQ(a.profile, b.profile);
  EXPECT_EQ(a.runtime, b.runtime);
  EXPECT_EQ(a.policy_json, b.policy_json);
  EXPECT_EQ(a.policy_hash, b.policy_hash);
  EXPECT_EQ(a.project, b.project);
  EXPECT_EQ(a.layer, b.layer);
  EXPECT_EQ(a.frozen, b.frozen);
  EXPECT_EQ(a.container_name, b.container_name);
  EXPECT_EQ(a.container_id, b.container_id);
  EXPECT_EQ(a.link_key.reveal(), b.link_key.reveal());
  EXPECT_EQ(a.link_registered, b.link_registered);
  EXPECT_EQ(a.generation, b.generation);
  EXPECT_EQ(a.labels_json, b.labels_json);
  EXPECT_EQ(a.remove_when_ended, b.remove_when_ended);
  EXPECT_EQ(a.created, b.created);
  EXPECT_EQ(a.started, b.started);
  EXPECT_EQ(a.ended, b.ended);
  EXPECT_EQ(a.outcome_json, b.outcome_json);
}

TEST_F(Tables, ASessionComesBackAsItWentIn) {
  auto sparse = session("0123456789abcdef", "fix");
  auto full = session("1123456789abcdef", "other");
  full.project.reset();
  full.layer = LayerId("1111111111111111");
  full.frozen = {LayerId("2222222222222222"), LayerId("3333333333333333")};
  full.container_id = "c0ffee";
  full.link_registered = true;
  full.generation = 7;
  full.remove_when_ended = false;
  full.started = at(5);
  full.ended = at(6);
  full.outcome_json = "{}";
  ASSERT_TRUE(run_task(sessions().insert(sparse)));
  ASSERT_TRUE(run_task(sessions().insert(full)));
  reopen();
  auto rows = run_task(sessions().list());
  ASSERT_TRUE(rows) << rows.error().message;
  ASSERT_EQ(rows->size(), 2u);
  expect_equal((*rows)[0], sparse);
  expect_equal((*rows)[1], full);
  auto found = run_task(sessions().named("uid:1000", "other"));
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_EQ(found->size(), 1u);
  expect_equal((*found)[0], full);
}

TEST_F(Tables, LayersAreReferredToAsLongAsASessionHasThem) {
  auto one = session("0123456789abcdef", "one");
  one.layer = LayerId("1111111111111111");
  one.frozen = {LayerId("2222222222222222"), LayerId("3333333333333333")};
  auto two = session("1123456789abcdef", "two");
  two.layer = LayerId("4444444444444444");
  two.frozen = {LayerId("3333333333333333")};
  ASSERT_TRUE(run_task(sessions().insert(one)));
  ASSERT_TRUE(run_task(sessions().insert(two)));
  EXPECT_EQ(run_task(sessions().layers())->size(), 4u);
  ASSERT_TRUE(run_task(sessions().remove(one.id)));
  EXPECT_THAT(*run_task(sessions().layers()),
              ::testing::ElementsAre(LayerId("3333333333333333"), LayerId("4444444444444444")));
}

TEST_F(Tables, ASessionBeginsAgainAsOneCommit) {
  auto row = session("0123456789abcdef", "fix");
  row.layer = LayerId("1111111111111111");
  row.outcome_json = "{}";
  row.ended = at(6);
  row.link_registered = true;
  ASSERT_TRUE(run_task(sessions().insert(row)));
  ProcessRow process;
  process.session = row.id;
  process.number = 1;
  process.argv_json = "[]";
  ASSERT_TRUE(run_task(processes().put(process)));
  auto again = row;
  again.generation = 2;
  again.layer = LayerId("2222222222222222");
  again.frozen = {LayerId("1111111111111111")};
  again.outcome_json.reset();
  again.ended.reset();
  again.link_registered = false;
  again.link_key = Secret(std::string(32, 'n'));
  ASSERT_TRUE(run_task(sessions().restart(again)));
  expect_equal(*run_task(sessions().get(row.id)), again);
  EXPECT_TRUE(run_task(processes().list(row.id))->empty());
  ASSERT_TRUE(run_task(sessions().restack(row.id, LayerId("3333333333333333"), {})));
  EXPECT_EQ(run_task(sessions().get(row.id))->layer, LayerId("3333333333333333"));
  again.id = SessionId("ffffffffffffffff");
  EXPECT_EQ(run_task(sessions().restart(again)).error().code, Code::not_found);
}

TEST_F(Tables, CheckpointsNameWhatASessionConsistedOf) {
  auto row = session("0123456789abcdef", "fix");
  row.layer = LayerId("1111111111111111");
  ASSERT_TRUE(run_task(sessions().insert(row)));
  CheckpointTable checkpoints(*database);
  CheckpointRow one{row.id, "one", {LayerId("2222222222222222")}, false, at(1), 0};
  ASSERT_TRUE(run_task(checkpoints.insert(one)));
  auto taken = run_task(checkpoints.insert(one));
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, Code::conflict);
  EXPECT_EQ(run_task(checkpoints.get(row.id, "one")).error().code, Code::not_found)
      << "it is only being made";
  EXPECT_EQ(run_task(checkpoints.list_unmade())->size(), 1u);
  ASSERT_TRUE(run_task(checkpoints.set_made(row.id, "one", 77)));
  EXPECT_EQ(run_task(checkpoints.get(row.id, "one"))->bytes, 77u);
  EXPECT_TRUE(run_task(checkpoints.list_unmade())->empty());

  CheckpointRow two{row.id, "two", {LayerId("1111111111111111")}, true, at(2), 5};
  ASSERT_TRUE(run_task(checkpoints.freeze(two, LayerId("4444444444444444"))));
  auto frozen = run_task(sessions().get(row.id));
  EXPECT_EQ(frozen->layer, LayerId("4444444444444444"));
  EXPECT_EQ(frozen->frozen, two.layers);
  EXPECT_FALSE(run_task(checkpoints.freeze(two, LayerId("5555555555555555"))));
  EXPECT_EQ(run_task(sessions().get(row.id))->layer, LayerId("4444444444444444")) << "all or nothing";
  EXPECT_EQ(run_task(sessions().layers())->size(), 3u);
  EXPECT_EQ(run_task(checkpoints.list(row.id))->size(), 2u);
  ASSERT_TRUE(run_task(checkpoints.remove(row.id, "one")));
  ASSERT_TRUE(run_task(sessions().remove(row.id)));
  EXPECT_TRUE(run_task(checkpoints.list(row.id))->empty());
  EXPECT_TRUE(run_task(sessions().layers())->empty());
}

TEST_F(Tables, ANameIsTheOwnersOnce) {
  ASSERT_TRUE(run_task(sessions().insert(session("0000000000000001", "fix"))));
  auto again = run_task(sessions().insert(session("0000000000000002", "fix")));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::conflict);
  EXPECT_THAT(again.error().message, HasSubstr("brig rm fix"));
  EXPECT_TRUE(run_task(sessions().insert(session("0000000000000003", "fix", "uid:1001"))));
  ASSERT_TRUE(run_task(sessions().remove(SessionId("0000000000000001"))));
  EXPECT_TRUE(run_task(sessions().insert(session("0000000000000004", "fix"))));
}

TEST_F(Tables, AChangeLeavesTheRestAlone) {
  auto row = session("0000000000000001", "fix");
  ASSERT_TRUE(run_task(sessions().insert(row)));
  SessionChange change;
  change.phase = "running";
  change.container_id = "c0ffee";
  change.started = at(42);
  change.link_registered = true;
  change.generation = 2;
  ASSERT_TRUE(run_task(sessions().update(row.id, change)));
  row.phase = "running";
  row.container_id = "c0ffee";
  row.started = at(42);
  row.link_registered = true;
  row.generation = 2;
  expect_equal(*run_task(sessions().get(row.id)), row);

  change = {};
  change.phase = "ended";
  change.reason = "";
  change.container_id = "";
  change.ended = at(43);
  change.outcome_json = "{\"kind\":\"exited\"}";
  ASSERT_TRUE(run_task(sessions().update(row.id, change)));
  row.phase = "ended";
  row.reason = "";
  row.container_id.reset();
  row.ended = at(43);
  row.outcome_json = "{\"kind\":\"exited\"}";
  expect_equal(*run_task(sessions().get(row.id)), row);
}

TEST_F(Tables, ANameIsItsOwnersWithinAMesh) {
  auto row = session("00000000000000a1", "same");
  ASSERT_TRUE(run_task(sessions().insert(row)));
  row.id = SessionId("00000000000000a2");
  EXPECT_EQ(run_task(sessions().insert(row)).error().code, Code::conflict);
  row.mesh = "north";
  ASSERT_TRUE(run_task(sessions().insert(row)));
  EXPECT_EQ(run_task(sessions().named(row.owner, "same"))->size(), 2u);
}

TEST_F(Tables, WhatIsNotThereIsNotFound) {
  EXPECT_EQ(run_task(sessions().get(SessionId("0000000000000001"))).error().code, Code::not_found);
  EXPECT_TRUE(run_task(sessions().named("uid:1", "x"))->empty());
  EXPECT_EQ(run_task(sessions().update(SessionId("0000000000000001"), {})).error().code, Code::not_found);
  EXPECT_TRUE(run_task(sessions().remove(SessionId("0000000000000001"))));
}

TEST_F(Tables, ALinkKeyOfTheWrongSizeIsRefused) {
  auto row = session("0000000000000001", "fix");
  row.link_key = Secret("short");
  EXPECT_FALSE(run_task(sessions().insert(row)));
  EXPECT_TRUE(run_task(sessions().list())->empty());
}

TEST_F(Tables, ProcessesGoWithTheirSession) {
  auto row = session("0000000000000001", "fix");
  ASSERT_TRUE(run_task(sessions().insert(row)));
  ProcessRow process;
  process.session = row.id;
  process.number = 1;
  process.argv_json = "[\"sh\"]";
  process.cwd = "/workspace";
  process.tty = true;
  process.started = at(9);
  ASSERT_TRUE(run_task(processes().put(process)));
  process.number = 2;
  process.stdin_open = true;
  process.tty = false;
  ASSERT_TRUE(run_task(processes().put(process)));
  process.cwd = "/tmp";
  ASSERT_TRUE(run_task(processes().put(process)));
  ASSERT_TRUE(run_task(processes().set_ended(row.id, 1, at(10), "{}")));
  EXPECT_EQ(run_task(processes().set_ended(row.id, 3, at(10), "{}")).error().code, Code::not_found);

  auto rows = run_task(processes().list(row.id));
  ASSERT_TRUE(rows);
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_TRUE((*rows)[0].tty);
  EXPECT_EQ((*rows)[0].ended, at(10));
  EXPECT_EQ((*rows)[0].outcome_json, "{}");
  EXPECT_EQ((*rows)[1].cwd, "/tmp");
  EXPECT_TRUE((*rows)[1].stdin_open);
  EXPECT_FALSE((*rows)[1].ended);

  ASSERT_TRUE(run_task(sessions().remove(row.id)));
  EXPECT_TRUE(run_task(processes().list_all())->empty());
  EXPECT_FALSE(run_task(processes().put(process))) << "a process needs its session";
}

TEST_F(Tables, TokensAreFoundByHashAndRevokedOnce) {
  TokenRow token;
  token.id = "ab12cd34";
  token.hash.fill(9);
  token.label = "ci";
  token.role = "user";
  token.owner = "token:ab12cd34";
  token.created = at(1);
  token.expires = at(100);
  token.mesh = "acme";
  token.peer = "ana";
  token.groups_json = R"(["a/b"])";
  token.member = "admin";
  ASSERT_TRUE(run_task(tokens().create(token)));
  auto twin = token;
  twin.id = "other";
  EXPECT_EQ(run_task(tokens().create(twin)).error().code, Code::conflict);
  ASSERT_TRUE(run_task(tokens().touch("ab12cd34", at(5))));
  ASSERT_TRUE(run_task(tokens().revoke("ab12cd34", at(7))));
  ASSERT_TRUE(run_task(tokens().revoke("ab12cd34", at(8))));
  EXPECT_EQ(run_task(tokens().revoke("nobody", at(8))).error().code, Code::not_found);
  auto found = run_task(tokens().find(token.hash));
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->label, "ci");
  EXPECT_EQ((*found)->hash, token.hash);
  EXPECT_EQ((*found)->expires, at(100));
  EXPECT_EQ((*found)->last_used, at(5));
  EXPECT_EQ((*found)->revoked, at(7));
  EXPECT_EQ((*found)->peer, "ana");
  EXPECT_EQ((*found)->groups_json, R"(["a/b"])");
  EXPECT_EQ((*found)->member, "admin");
  EXPECT_FALSE(*run_task(tokens().find(TokenHash{})));
  EXPECT_EQ(run_task(tokens().list())->size(), 1u);
  EXPECT_EQ(run_task(tokens().get("ab12cd34"))->role, "user");
}

TEST_F(Tables, MetaKeepsSettings) {
  MetaTable meta(*database);
  EXPECT_FALSE(*run_task(meta.get("x")));
  ASSERT_TRUE(run_task(meta.set("x", "1")));
  ASSERT_TRUE(run_task(meta.set("x", "2")));
  EXPECT_EQ(*run_task(meta.get("x")), "2");
  EXPECT_EQ(*run_task(meta.get("installation")), database->installation());
}

}  // namespace
}  // namespace brig::store
