// Services and their artefacts: what is one commit, and when an artefact's layer is somebody's.
#include "store/services.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/loop.hpp"
#include "store/sessions.hpp"
#include "store/tool_gates.hpp"
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

TEST_F(Services, TakeTheirGatesWithThem) {
  ToolGateTable gates(*database);
  EXPECT_EQ(run_task(gates.set_lists("acme", "db", "{}")).error().code, Code::not_found);
  EXPECT_EQ(run_task(gates.approve("acme", "db", {{"a", "1", "{}"}})).error().code, Code::not_found);
  EXPECT_TRUE(run_task(gates.list())->empty());
  ASSERT_TRUE(run_task(table->insert(service("db"))));
  ASSERT_TRUE(run_task(table->insert(service("other"))));
  ASSERT_TRUE(run_task(gates.set_lists("acme", "db", "{\"x\":1}")));
  EXPECT_FALSE(run_task(gates.list())->at(0).met);
  ASSERT_TRUE(run_task(gates.approve("acme", "db", {{"a", "1", "{}"}, {"b", "2", "{}"}})));
  ASSERT_TRUE(run_task(gates.approve("acme", "db", {{"b", "3", "{\"n\":3}"}, {"c", "4", "{}"}})));
  ASSERT_TRUE(run_task(gates.approve("acme", "other", {})));
  auto all = *run_task(gates.list());
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].lists_json, "{\"x\":1}");
  EXPECT_TRUE(all[0].met);
  EXPECT_EQ(all[0].pins, (std::map<std::string, std::string>{{"a", "1"}, {"b", "3"}, {"c", "4"}}));
  EXPECT_TRUE(all[1].met);
  EXPECT_TRUE(all[1].pins.empty());
  EXPECT_EQ(run_task(gates.approved("acme", "db"))->at("b"), "{\"n\":3}");
  ASSERT_TRUE(run_task(gates.pin_anew("acme", "db", {{"b", "5", "{}"}})));
  EXPECT_EQ(run_task(gates.list())->at(0).pins, (std::map<std::string, std::string>{{"b", "5"}}));
  EXPECT_EQ(run_task(gates.list())->at(0).lists_json, "{\"x\":1}");
  ASSERT_TRUE(run_task(table->remove("acme", "db")));
  EXPECT_EQ(run_task(gates.list())->size(), 1u);
  ASSERT_TRUE(run_task(table->insert(service("db"))));
  EXPECT_EQ(run_task(gates.list())->size(), 1u) << "the next of its name begins anew";
}

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
  ASSERT_TRUE(run_task(table->insert(service("one"))));
  ASSERT_TRUE(run_task(table->insert(service("two"))));
  auto a = builder("00000000000000aa", first);
  VersionRow version;
  version.artefact = "hash";
  ArtefactRow built{"hash", LayerId(first), 7, WallTime{}};
  EXPECT_EQ(*run_task(table->keep("acme", "one", version, built, a.id, LayerId(fresh))), 1u);
  EXPECT_EQ(run_task(sessions->get(a.id))->layer, LayerId(fresh));  // the builder takes nothing with it
  ASSERT_TRUE(run_task(sessions->remove(a.id)));
  EXPECT_TRUE(kept(first));

  // An equal one: what is there is used, and the builder keeps what it made, to take it away.
  auto b = builder("00000000000000bb", second);
  built.layer = LayerId(second);
  ASSERT_TRUE(run_task(table->keep("acme", "two", version, built, b.id, LayerId(other))));
  EXPECT_EQ(run_task(sessions->get(b.id))->layer, LayerId(second));
  EXPECT_EQ((*run_task(table->artefact("hash")))->layer, LayerId(first));

  ASSERT_TRUE(run_task(table->remove("acme", "one")));
  EXPECT_TRUE(kept(first));
  ASSERT_TRUE(run_task(table->remove("acme", "two")));
  EXPECT_FALSE(kept(first));
  EXPECT_TRUE(run_task(table->artefacts())->empty());
}

TEST_F(Services, LendLayersThatSessionsHoldUntilTheyAreGone) {
  const std::string layer(16, '1');
  ASSERT_TRUE(run_task(table->insert(service("one"))));
  auto by = builder("00000000000000aa", layer);
  VersionRow version;
  version.artefact = "hash";
  ArtefactRow built{"hash", LayerId(layer), 7, WallTime{}};
  ASSERT_TRUE(run_task(table->keep("acme", "one", version, built, by.id, LayerId(std::string(16, '2')))));
  ASSERT_TRUE(run_task(sessions->remove(by.id)));

  auto user = builder("00000000000000dd", std::string(16, '3'));
  ASSERT_TRUE(run_task(sessions->remove(user.id)));
  user.skills_json = "{\"one\":\"" + layer + "\"}";
  ASSERT_TRUE(run_task(sessions->insert(user)));
  EXPECT_EQ(run_task(sessions->get(user.id))->skills_json, user.skills_json);
  ASSERT_TRUE(run_task(table->remove("acme", "one")));
  EXPECT_TRUE(kept(layer));

  // It is no artefact any more, so nobody new gets it; the one that has it may begin again.
  auto late = user;
  late.id = SessionId("00000000000000ee");
  late.name = "late";
  auto refused = run_task(sessions->insert(late));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::conflict);
  EXPECT_TRUE(refused.error().retryable);
  EXPECT_THAT(refused.error().message, testing::HasSubstr("'one'"));
  ASSERT_TRUE(run_task(sessions->restart(user)));
  EXPECT_TRUE(kept(layer));
  ASSERT_TRUE(run_task(sessions->remove(user.id)));
  EXPECT_FALSE(kept(layer));
}

TEST_F(Services, KeepNothingWhoseBuilderIsGone) {
  ASSERT_TRUE(run_task(table->insert(service("one"))));
  VersionRow version;
  version.artefact = "hash";
  ArtefactRow built{"hash", LayerId(std::string(16, '1')), 7, WallTime{}};
  const SessionId nobody("00000000000000cc");
  EXPECT_EQ(run_task(table->keep("acme", "one", version, built, nobody, LayerId("2"))).error().code,
            Code::conflict);
  EXPECT_TRUE(run_task(table->versions("acme", "one"))->empty());
  EXPECT_TRUE(run_task(table->artefacts())->empty());
}

// One after another, as updates make them; gives back the row of the service.
class Versions : public Services {
 protected:
  Versions() {
    row = service("one");
    if (!run_task(table->insert(row))) std::abort();
  }
  static std::string layer(std::uint64_t number) { return std::string(16, static_cast<char>('0' + number)); }
  std::uint64_t make() {
    auto next = ++made;
    auto by = builder("00000000000000b" + std::to_string(next), layer(next));
    VersionRow version;
    version.spec_json = "{\"n\":" + std::to_string(next) + "}";
    version.env = {7, 0, static_cast<unsigned char>(next)};
    version.artefact = "hash " + std::to_string(next);
    ArtefactRow built{version.artefact, LayerId(layer(next)), 7, WallTime{}};
    auto number =
        run_task(table->keep("acme", "one", version, built, by.id, LayerId("f" + layer(next).substr(1))));
    EXPECT_TRUE(number && run_task(sessions->remove(by.id)));
    return number ? *number : 0;
  }
  Result<void> take(std::uint64_t number, std::size_t most) {
    row.version = number;
    row.artefact = "hash " + std::to_string(number);
    return run_task(table->take_over(row, most));
  }
  std::vector<std::uint64_t> numbers() {
    std::vector<std::uint64_t> out;
    auto all = *run_task(table->versions("acme", "one"));
    for (const auto& version : all) out.push_back(version.number);
    return out;
  }

  ServiceRow row;
  std::uint64_t made = 0;
};

TEST_F(Versions, AreKeptUntilThereAreTooMany) {
  for (std::uint64_t number = 1; number <= 4; ++number) {
    ASSERT_EQ(make(), number);
    ASSERT_TRUE(take(number, 3));
  }
  EXPECT_EQ(numbers(), (std::vector<std::uint64_t>{2, 3, 4}));
  EXPECT_FALSE(kept(layer(1)));
  EXPECT_TRUE(kept(layer(2)));
  auto oldest = (*run_task(table->versions("acme", "one")))[0];
  EXPECT_EQ(oldest.spec_json, "{\"n\":2}");
  EXPECT_EQ(oldest.env, (std::vector<unsigned char>{7, 0, 2}));
  EXPECT_TRUE(oldest.ran);
  EXPECT_EQ((*run_task(table->find("acme", "one")))->version, 4u);

  // Back to the oldest, which is not the one to go when another comes.
  ASSERT_TRUE(take(2, 3));
  ASSERT_EQ(make(), 5u);
  EXPECT_EQ(numbers(), (std::vector<std::uint64_t>{2, 3, 4, 5}));
  ASSERT_TRUE(take(2, 3));
  EXPECT_EQ(numbers(), (std::vector<std::uint64_t>{2, 3, 4, 5}));  // the untried one is no choice yet
  ASSERT_TRUE(take(5, 3));
  EXPECT_EQ(numbers(), (std::vector<std::uint64_t>{3, 4, 5}));
  EXPECT_EQ(take(2, 3).error().code, Code::conflict);
  EXPECT_EQ((*run_task(table->find("acme", "one")))->version, 5u);  // and nothing of it is written
}

TEST_F(Versions, ThatNeverRanAreForgotten) {
  ASSERT_EQ(make(), 1u);
  ASSERT_TRUE(take(1, 3));
  ASSERT_EQ(make(), 2u);
  EXPECT_TRUE(kept(layer(2)));
  ASSERT_TRUE(run_task(table->forget_untried("acme", "other")));
  EXPECT_EQ(numbers().size(), 2u);
  ASSERT_TRUE(run_task(table->forget_untried("acme", "one")));
  EXPECT_EQ(numbers(), (std::vector<std::uint64_t>{1}));
  EXPECT_FALSE(kept(layer(2)));
  ASSERT_EQ(make(), 2u);
  ASSERT_TRUE(run_task(table->forget_untried()));
  EXPECT_EQ(numbers(), (std::vector<std::uint64_t>{1}));
  EXPECT_TRUE(kept(layer(1)));
  ASSERT_TRUE(run_task(table->remove("acme", "one")));
  EXPECT_TRUE(numbers().empty());
  EXPECT_FALSE(kept(layer(1)));
}

}  // namespace
}  // namespace brig::store
