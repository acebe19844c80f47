// Services and their artefacts: what is one commit, and when an artefact's layer is somebody's.
#include "store/services.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/loop.hpp"
#include "store/sessions.hpp"
#include "temp_dir.hpp"

namespace brig::store {
namespace {

using net::run_task;

class Services : public ::testing::Test {
 protected:
  Services() {
    auto opened = Database::open(dir / "brig.db");
    if (!opened) std::abort();
    database = std::move(*opened);
    table.emplace(*database);
    sessions.emplace(*database);
  }
  static ServiceRow service(const std::string& name) {
    ServiceRow row;
    row.mesh = "acme";
    row.name = name;
    row.owner = "uid:0";
    row.spec_json = "{\"npm\":1}";
    row.env = {0, 1, 255};
    row.wanted = "running";
    row.state = "building";
    row.reason = "because";
    row.created = row.updated = WallTime{Millis{1'700'000'000'123}};
    return row;
  }
  SessionRow builder(const std::string& id, const std::string& layer) {
    SessionRow row;
    row.id = SessionId(id);
    row.name = id;
    row.owner = "uid:0";
    row.phase = "ended";
    row.layer = LayerId(layer);
    row.container_name = "brig-" + id;
    row.link_key = Secret(std::string(32, 'k'));
    row.policy_json = "{}";
    EXPECT_TRUE(run_task(sessions->insert(row)));
    return row;
  }
  bool kept(const std::string& layer) { return run_task(sessions->layers())->contains(LayerId(layer)); }

  TempDir dir;
  std::unique_ptr<Database> database;
  std::optional<ServiceTable> table;
  std::optional<SessionTable> sessions;
};

TEST_F(Services, ReadBackAsTheyWere) {
  auto row = service("files");
  row.session = SessionId("00000000000000aa");
  row.server_json = "{}";
  ASSERT_TRUE(run_task(table->insert(row)));
  EXPECT_EQ(run_task(table->insert(row)).error().code, Code::conflict);
  auto found = *run_task(table->find("acme", "files"));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->env, row.env);
  EXPECT_EQ(found->session, row.session);
  EXPECT_EQ(found->reason, "because");
  EXPECT_EQ(found->created, row.created);
  row.state = "running";
  ASSERT_TRUE(run_task(table->update(row)));
  EXPECT_EQ((*run_task(table->list()))[0].state, "running");
  EXPECT_FALSE(*run_task(table->find("other", "files")));
  EXPECT_EQ(run_task(table->update(service("none"))).error().code, Code::not_found);
}

// What runs writes its state at any time, and never undoes who may see it.
TEST_F(Services, HaveAScopeThatOnlyItsOwnWriterChanges) {
  auto row = service("files");
  EXPECT_EQ(row.scope, "\"peer\"");
  row.scope = "\"mesh\"";
  ASSERT_TRUE(run_task(table->insert(row)));
  ASSERT_TRUE(run_task(table->set_scope("acme", "files", R"({"group":"a"})")));
  row.state = "running";
  ASSERT_TRUE(run_task(table->update(row)));
  EXPECT_EQ((*run_task(table->find("acme", "files")))->scope, R"({"group":"a"})");
  EXPECT_EQ(run_task(table->set_scope("acme", "none", "x")).error().code, Code::not_found);
  EXPECT_EQ(run_task(table->set_scope("other", "files", "x")).error().code, Code::not_found);
}

TEST_F(Services, TakeTheBuildersLayerAndShareIt) {
  const std::string first(16, '1'), second(16, '2'), fresh(16, '3'), other(16, '4');
  auto one = service("one"), two = service("two");
  ASSERT_TRUE(run_task(table->insert(one)));
  ASSERT_TRUE(run_task(table->insert(two)));
  auto a = builder("00000000000000aa", first);
  one.artefact = two.artefact = "hash";
  ArtefactRow built{"hash", LayerId(first), 7, WallTime{}};
  ASSERT_TRUE(run_task(table->install(one, built, a.id, LayerId(fresh))));
  EXPECT_EQ(run_task(sessions->get(a.id))->layer, LayerId(fresh));  // the builder takes nothing with it
  ASSERT_TRUE(run_task(sessions->remove(a.id)));
  EXPECT_TRUE(kept(first));

  // An equal one: what is there is used, and the builder keeps what it made, to take it away.
  auto b = builder("00000000000000bb", second);
  built.layer = LayerId(second);
  ASSERT_TRUE(run_task(table->install(two, built, b.id, LayerId(other))));
  EXPECT_EQ(run_task(sessions->get(b.id))->layer, LayerId(second));
  EXPECT_EQ((*run_task(table->artefact("hash")))->layer, LayerId(first));

  ASSERT_TRUE(run_task(table->remove("acme", "one")));
  EXPECT_TRUE(kept(first));
  ASSERT_TRUE(run_task(table->remove("acme", "two")));
  EXPECT_FALSE(kept(first));
  EXPECT_TRUE(run_task(table->artefacts())->empty());
}

TEST_F(Services, InstallNothingWhoseBuilderIsGone) {
  auto row = service("one");
  ASSERT_TRUE(run_task(table->insert(row)));
  row.artefact = "hash";
  ArtefactRow built{"hash", LayerId(std::string(16, '1')), 7, WallTime{}};
  EXPECT_EQ(run_task(table->install(row, built, SessionId("00000000000000cc"), LayerId("2"))).error().code,
            Code::conflict);
  EXPECT_EQ((*run_task(table->find("acme", "one")))->artefact, "");
  EXPECT_TRUE(run_task(table->artefacts())->empty());
}

TEST_F(Services, LetGoOfWhatAnUpdateReplaced) {
  const std::string first(16, '1'), second(16, '2');
  auto row = service("one");
  ASSERT_TRUE(run_task(table->insert(row)));
  int number = 0;
  for (const auto& layer : {first, second}) {
    auto made = builder("00000000000000a" + std::to_string(number++), layer);
    row.artefact = "hash of " + layer;
    ArtefactRow built{row.artefact, LayerId(layer), 7, WallTime{}};
    ASSERT_TRUE(run_task(table->install(row, built, made.id, LayerId(std::string(16, '9')))));
    ASSERT_TRUE(run_task(sessions->remove(made.id)));
  }
  EXPECT_FALSE(kept(first));
  EXPECT_TRUE(kept(second));
}

}  // namespace
}  // namespace brig::store
