// The audit over a real SQLite file, and what becomes of it in the hands of somebody who writes to that file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sodium.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "../store/temp_dir.hpp"
#include "audit/log.hpp"
#include "core/random.hpp"
#include "core/units.hpp"
#include "net/loop.hpp"

namespace brig::audit {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;

class Audit : public testing::Test {
 protected:
  void SetUp() override { open(); }
  void TearDown() override { shut(); }

  void open() {
    auto opened = store::Database::open(dir / "brig.db");
    ASSERT_TRUE(opened) << opened.error().message;
    database = std::move(*opened);
    table.emplace(*database);
    vault_table.emplace(*database);
    vault.emplace(*vault_table, clock, dir / "vault.key");
    log.emplace(io.get_executor(), options, *table, *vault, clock);
    ASSERT_TRUE(run(log->load()));
    boost::asio::co_spawn(io, log->run(), [](std::exception_ptr) {});
  }
  void shut() {
    if (!log) return;
    run(closed());
    log.reset();
    vault.reset();
    vault_table.reset();
    table.reset();
    database.reset();
  }
  net::Task<bool> closed() {
    co_await log->close();
    co_return true;
  }
  net::Task<bool> taken() {
    Deed deed{"acme", "taken", "x", "{}"};
    co_await add_or_note(*log, std::move(deed));
    co_return true;
  }
  template <class T>
  T run(net::Task<T> task) {
    std::optional<T> out;
    boost::asio::co_spawn(io, std::move(task),
                          [&](std::exception_ptr, T value) { out.emplace(std::move(value)); });
    io.restart();
    while (!out) io.run_one();
    return std::move(*out);
  }
  void add(const std::string& mesh, const std::string& event, const std::string& payload = "{}") {
    Deed deed{mesh, event, "peer:" + mesh + ":ana", payload};
    ASSERT_TRUE(run(log->add(deed)));
    clock.advance(Millis{1'234});
  }
  void fill() {
    for (int i = 1; i <= 5; ++i) add("acme", "service.deploy", "{\"n\":" + std::to_string(i) + "}");
    for (int i = 1; i <= 3; ++i) add("other", "tool.called");
  }
  // With nobody else there, as somebody with an editor would.
  void edit(const std::string& sql) {
    shut();
    {
      auto c = store::Connection::open(dir / "brig.db");
      ASSERT_TRUE(c);
      ASSERT_TRUE((*c)->execute(sql.c_str())) << sql;
    }
    open();
  }
  Verdict verify(const std::string& mesh = "acme") { return *run(log->verify(mesh)); }
  std::vector<std::string> events(Log::Query query, const std::string& mesh = "acme") {
    std::vector<std::string> out;
    auto found = run(log->query(mesh, std::move(query)));
    for (const auto& entry : *found) out.push_back(std::to_string(entry.id) + " " + entry.event);
    return out;
  }

  store::TempDir dir;
  Log::Options options;
  boost::asio::io_context io{1};
  FakeClock clock;
  std::unique_ptr<store::Database> database;
  std::optional<store::AuditTable> table;
  std::optional<store::VaultTable> vault_table;
  std::optional<vault::Vault> vault;
  std::optional<Log> log;
  std::size_t told = 0;
};

// As the header says it, and as anybody may compute it who has an export.
std::string sha256_of(const std::vector<std::string>& fields) {
  std::string text;
  for (const auto& field : fields) text += (text.empty() ? "" : "|") + field;
  unsigned char hash[32];
  crypto_hash_sha256(hash, reinterpret_cast<const unsigned char*>(text.data()), text.size());
  return hex(hash);
}

TEST_F(Audit, IsAChainPerMesh) {
  fill();
  auto entries = *run(log->after("acme", 0, 100));
  ASSERT_EQ(entries.size(), 5u);
  std::string before = "genesis";
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto& e = entries[i];
    EXPECT_EQ(e.id, i + 1);
    EXPECT_EQ(e.prev_hash, before);
    EXPECT_EQ(e.hash, sha256_of({before, "acme", e.event, e.actor, e.payload, format_time(e.created)}));
    before = e.hash;
  }
  EXPECT_EQ(verify().hash, before);
  EXPECT_EQ(verify().entries, 5u);
  EXPECT_TRUE(verify("other").valid);
  EXPECT_TRUE(verify("nothing").valid);
  EXPECT_EQ(verify("nothing").entries, 0u);
}

// What was said of one field cannot be made to be of another.
TEST_F(Audit, KeepsItsFieldsApart) {
  Deed deed{"acme", "a|b", "c|d", R"({"text":"x|y"})"};
  ASSERT_TRUE(run(log->add(deed)));
  auto entry = run(log->after("acme", 0, 1))->at(0);
  EXPECT_EQ(entry.event, "a_b");
  EXPECT_EQ(entry.actor, "c_d");
  EXPECT_EQ(entry.payload, deed.payload);
  EXPECT_TRUE(verify().valid);
  // The same text under the hash, and another meaning.
  edit("UPDATE audit SET actor = 'c_d|{\"text\":\"x', payload = 'y\"}'");
  EXPECT_EQ(run(log->after("acme", 0, 1))->at(0).hash, hash_of(run(log->after("acme", 0, 1))->at(0)));
  EXPECT_EQ(verify().broken_at, 1u);
}

TEST_F(Audit, IsOfMeshesAlone) {
  for (const char* mesh : {"", "a b", "a|b", "../x"}) {
    Deed deed{mesh, "a", "x", "{}"};
    EXPECT_TRUE(run(log->add(deed)));
    log->note(deed);
  }
  add("acme", "a");
  EXPECT_EQ(run(table->anchors())->size(), 2u) << "acme's, and that of all";
}

// The oldest go, and nothing else may.
TEST_F(Audit, LetsGoOfTheOldest) {
  shut();
  options.keep = 1'500;
  open();
  add("acme", "first");
  for (int i = 0; i < 6'000; ++i) log->note({"acme", "tool.called", "x", "{}"});
  add("acme", "last");
  auto verdict = verify();
  EXPECT_TRUE(verdict.valid);
  EXPECT_GT(verdict.first, 3'000u);
  EXPECT_GE(verdict.entries, 1'500u);
  EXPECT_LT(verdict.entries, 1'500u + 2'000u);
  EXPECT_EQ(verdict.first + verdict.entries - 1, 6'002u);
  EXPECT_THAT(events({1, 0, ""}), ElementsAre("6002 last"));
  EXPECT_EQ(run(log->after("acme", 0, 1))->at(0).id, verdict.first);
  // One more than was let go.
  edit("DELETE FROM audit WHERE mesh = 'acme' AND id = " + std::to_string(verdict.first));
  EXPECT_EQ(verify().broken_at, verdict.first);
}

// What is let go cannot take a change of it along.
TEST_F(Audit, LooksAtWhatItLetsGo) {
  shut();
  options.keep = 100;
  open();
  for (int i = 0; i < 600; ++i) log->note({"acme", "tool.called", "x", "{}"});
  add("acme", "b");
  edit("UPDATE audit SET actor = 'y' WHERE mesh = 'acme' AND id = 300");
  for (int i = 0; i < 1'000; ++i) log->note({"acme", "tool.called", "x", "{}"});
  add("acme", "c");
  auto verdict = verify();
  EXPECT_EQ(verdict.first, 1'001u);
  EXPECT_EQ(verdict.broken_at, 300u);
}

// Killed wherever it was, it verifies, and has all that it said to have.
TEST_F(Audit, OutlivesBeingKilled) {
  shut();
  for (int round = 1; round <= 8; ++round) {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    auto child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      open();
      while (true) {
        log->note({"acme", "tool.called", "x", "{}"});
        Deed deed{"acme", "b", "x", "{}"};
        if (!run(log->add(deed)) || ::write(pipe[1], "x", 1) != 1) ::_exit(1);
      }
    }
    ::close(pipe[1]);
    // After a while that is another one each time.
    char bytes[64];
    std::size_t said = 0;
    while (said < static_cast<std::size_t>(round) * 3) {
      auto n = ::read(pipe[0], bytes, 1);
      ASSERT_EQ(n, 1);
      ++said;
    }
    ::kill(child, SIGKILL);
    while (true) {
      auto n = ::read(pipe[0], bytes, sizeof bytes);
      if (n <= 0) break;
      said += static_cast<std::size_t>(n);
    }
    ::close(pipe[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status));
    told += said;
    open();
    auto verdict = verify();
    EXPECT_TRUE(verdict.valid) << "round " << round << ", at " << verdict.broken_at.value_or(0);
    EXPECT_GE(events({100'000, 0, "b"}).size(), told);
    shut();
  }
}

TEST_F(Audit, IsReadNewestFirstByPageAndEvent) {
  for (const char* event : {"service.deploy", "service.scope", "services", "tool.called", "service"})
    add("acme", event);
  EXPECT_THAT(events({2, 0, ""}), ElementsAre("5 service", "4 tool.called"));
  EXPECT_THAT(events({2, 3, ""}), ElementsAre("2 service.scope", "1 service.deploy"));
  EXPECT_THAT(events({9, 0, "service"}), ElementsAre("5 service", "2 service.scope", "1 service.deploy"));
  EXPECT_THAT(events({1, 1, "service"}), ElementsAre("2 service.scope"));
  EXPECT_TRUE(events({9, 3, "service"}).empty());
  EXPECT_THAT(events({9, 0, "service.scope"}), ElementsAre("2 service.scope"));
  EXPECT_THAT(events({9, 0, "tool.called"}), ElementsAre("4 tool.called"));
  EXPECT_TRUE(events({9, 0, "%"}).empty());
  EXPECT_TRUE(events({9, 0, ""}, "other").empty());
}

TEST_F(Audit, GoesOnAfterARestartAndLosesNothingItWasTold) {
  add("acme", "a");
  for (int i = 0; i < 2'000; ++i) log->note({"acme", "tool.called", "x", "{}"});
  log->note({"", "of no mesh", "x", "{}"});
  shut();
  open();
  add("acme", "b");
  auto verdict = verify();
  EXPECT_TRUE(verdict.valid);
  EXPECT_EQ(verdict.entries, 2'002u);
  EXPECT_THAT(events({1, 0, ""}), ElementsAre("2002 b"));
}

// What its caller was told is not written down is not, later either.
TEST_F(Audit, HasNoEntryOfWhatWasRefused) {
  add("acme", "a");
  fs::rename(dir / "vault.key", dir / "elsewhere");
  shut();
  open();
  Deed refused{"acme", "refused", "x", "{}"};
  EXPECT_FALSE(run(log->add(refused)));
  run(taken());
  fs::rename(dir / "elsewhere", dir / "vault.key");
  add("acme", "b");
  EXPECT_TRUE(events({9, 0, "refused"}).empty());
  EXPECT_EQ(events({9, 0, "taken"}).size(), 1u);
}

TEST_F(Audit, SaysWhatItCouldNotTake) {
  for (std::size_t i = 0; i < Log::kMaxQueued + 3; ++i) log->note({"acme", "tool.called", "x", "{}"});
  add("acme", "b");
  auto lost = *run(log->query("acme", {1, 0, "audit.lost"}));
  ASSERT_EQ(lost.size(), 1u);
  EXPECT_EQ(lost[0].payload, R"({"entries":3})");
  EXPECT_TRUE(verify().valid);
}

// Each is what somebody might do to the file; `at`: the first entry that is not as it was written.
TEST_F(Audit, FindsWhateverIsDoneToTheFile) {
  struct Row {
    const char* what;
    const char* sql;
    std::uint64_t at;
  };
  const Row kRows[] = {
      {"edited payload", "UPDATE audit SET payload = '{\"n\":9}' WHERE mesh = 'acme' AND id = 3", 3},
      {"edited actor", "UPDATE audit SET actor = 'peer:acme:bo' WHERE mesh = 'acme' AND id = 1", 1},
      {"edited event", "UPDATE audit SET event = 'x' WHERE mesh = 'acme' AND id = 5", 5},
      {"edited time", "UPDATE audit SET created_ms = created_ms + 1 WHERE mesh = 'acme' AND id = 2", 2},
      {"edited hash", "UPDATE audit SET hash = 'x' WHERE mesh = 'acme' AND id = 4", 4},
      {"edited prev_hash", "UPDATE audit SET prev_hash = 'x' WHERE mesh = 'acme' AND id = 4", 4},
      {"removed first", "DELETE FROM audit WHERE mesh = 'acme' AND id = 1", 1},
      {"removed middle", "DELETE FROM audit WHERE mesh = 'acme' AND id = 3", 3},
      {"removed middle, renumbered",
       "DELETE FROM audit WHERE mesh = 'acme' AND id = 3;"
       "UPDATE audit SET id = 3 WHERE mesh = 'acme' AND id = 4;"
       "UPDATE audit SET id = 4 WHERE mesh = 'acme' AND id = 5",
       3},
      {"truncated", "DELETE FROM audit WHERE mesh = 'acme' AND id > 3", 4},
      {"truncated by one", "DELETE FROM audit WHERE mesh = 'acme' AND id = 5", 5},
      {"emptied", "DELETE FROM audit WHERE mesh = 'acme'", 1},
      {"emptied with its anchor",
       "DELETE FROM audit WHERE mesh = 'acme'; DELETE FROM audit_anchors WHERE mesh = 'acme'", 1},
      {"reordered",
       "UPDATE audit SET id = 99 WHERE mesh = 'acme' AND id = 2;"
       "UPDATE audit SET id = 2 WHERE mesh = 'acme' AND id = 4;"
       "UPDATE audit SET id = 4 WHERE mesh = 'acme' AND id = 99",
       2},
      {"moved to another mesh", "UPDATE audit SET mesh = 'other', id = 4 WHERE mesh = 'acme' AND id = 5", 5},
      {"anchor gone", "DELETE FROM audit_anchors WHERE mesh = 'acme'", 1},
      {"anchor of another",
       "UPDATE audit_anchors SET seal = (SELECT seal FROM audit_anchors WHERE mesh = 'other')"
       " WHERE mesh = 'acme'",
       1},
      {"anchor overwritten", "UPDATE audit_anchors SET seal = zeroblob(60) WHERE mesh = 'acme'", 1},
      {"anchor of all gone", "DELETE FROM audit_anchors WHERE mesh = ''", 6},
  };
  fill();
  shut();
  auto good = dir / "good.db", file = dir / "brig.db";
  {
    auto c = store::Connection::open(file);
    ASSERT_TRUE((*c)->execute(("VACUUM INTO '" + good.string() + "'").c_str()));
  }
  for (const auto& row : kRows) {
    for (const char* more : {"-wal", "-shm", ""}) std::filesystem::remove(file.string() + more);
    std::filesystem::copy_file(good, file);
    open();
    ASSERT_TRUE(verify().valid) << "before: " << row.what;
    edit(row.sql);
    auto verdict = verify();
    EXPECT_FALSE(verdict.valid) << row.what;
    EXPECT_EQ(verdict.broken_at, row.at) << row.what;
    // What is written later neither hides it nor is lost.
    add("acme", "later");
    add("acme", "later");
    EXPECT_EQ(events({1, 0, "later"}).size(), 1u);
    verdict = verify();
    EXPECT_FALSE(verdict.valid) << row.what;
    EXPECT_LE(verdict.broken_at, row.at) << row.what;
    shut();
    open();
    EXPECT_FALSE(verify().valid) << row.what;
    shut();
  }
}

// Somebody who knows how entries are hashed makes the chain anew from where they changed it.
TEST_F(Audit, FindsAChainThatWasMadeAnew) {
  fill();
  auto entries = *run(log->after("acme", 0, 100));
  std::string sql;
  entries[2].payload = "{}";
  for (std::size_t i = 2; i < entries.size(); ++i) {
    entries[i].prev_hash = entries[i - 1].hash;
    entries[i].hash = hash_of(entries[i]);
    sql += "UPDATE audit SET payload = '" + entries[i].payload + "', prev_hash = '" + entries[i].prev_hash +
           "', hash = '" + entries[i].hash + "' WHERE mesh = 'acme' AND id = " + std::to_string(i + 1) + ";";
  }
  edit(sql);
  EXPECT_EQ(verify().broken_at, 5u) << "the anchor knows how it ended";
  auto forged = entries.back();
  forged.id = 6;
  forged.prev_hash = forged.hash;
  forged.hash = hash_of(forged);
  edit("INSERT INTO audit VALUES ('acme', 6, '" + forged.event + "', '" + forged.actor + "', '" +
       forged.payload + "', '" + forged.prev_hash + "', '" + forged.hash + "', " +
       std::to_string(forged.created.time_since_epoch().count()) + ")");
  EXPECT_FALSE(verify().valid);
}

TEST_F(Audit, KnowsAnOlderAnchorAndAKeyThatIsNotItsOwn) {
  fill();
  auto older = run(table->anchors())->at("acme");
  add("acme", "later");
  shut();
  open();
  edit("DELETE FROM audit WHERE mesh = 'acme' AND id = 6; UPDATE audit_anchors SET seal = x'" + hex(older) +
       "' WHERE mesh = 'acme'");
  EXPECT_EQ(verify().broken_at, 6u) << "the anchor of all knows of one more";
  shut();
  std::filesystem::remove(dir / "vault.key");
  open();
  EXPECT_FALSE(verify().valid);
}

// Beneath a brigd that runs.
TEST_F(Audit, KnowsWhatItHasWrittenItself) {
  fill();
  {
    auto c = store::Connection::open(dir / "brig.db");
    ASSERT_TRUE(c);
    ASSERT_TRUE((*c)->execute("DELETE FROM audit WHERE mesh = 'acme' AND id = 5"));
  }
  EXPECT_EQ(verify().broken_at, 5u);
  {
    auto c = store::Connection::open(dir / "brig.db");
    ASSERT_TRUE((*c)->execute("DELETE FROM audit; DELETE FROM audit_anchors"));
  }
  EXPECT_FALSE(verify().valid);
  EXPECT_FALSE(verify("other").valid);
}

}  // namespace
}  // namespace brig::audit
