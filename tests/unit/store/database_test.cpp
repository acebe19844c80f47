#include "store/database.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "core/unique_fd.hpp"
#include "store/copy.hpp"
#include "store/schema.hpp"
#include "temp_dir.hpp"

namespace brig::store {
namespace {

using ::testing::HasSubstr;

std::int64_t number(Connection& c, const char* sql) {
  auto s = c.prepare(sql);
  if (!s || !s->step().ok()) return -1;
  return s->integer(0);
}

TEST(Database, KeepsItsInstallationAndIsPrivate) {
  TempDir dir;
  std::string first;
  {
    auto db = Database::open(dir / "brig.db");
    ASSERT_TRUE(db) << db.error().message;
    first = (*db)->installation();
  }
  EXPECT_EQ(first.size(), 16u);
  auto db = Database::open(dir / "brig.db");
  ASSERT_TRUE(db) << db.error().message;
  EXPECT_EQ((*db)->installation(), first);
  for (const char* name : {"brig.db", "brig.db-wal", "brig.db-shm", "brig.db.lock"}) {
    struct stat st {};
    ASSERT_EQ(::stat((dir / name).c_str(), &st), 0) << name;
    EXPECT_EQ(st.st_mode & 0777, 0600u) << name;
  }
}

TEST(Database, RefusesASecondUser) {
  TempDir dir;
  auto db = Database::open(dir / "brig.db");
  ASSERT_TRUE(db) << db.error().message;
  auto second = Database::open(dir / "brig.db");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::conflict);
  EXPECT_THAT(second.error().message,
              HasSubstr("in use by another brigd (process " + std::to_string(::getpid())));
  db->reset();
  EXPECT_TRUE(Database::open(dir / "brig.db"));
}

// As after a kill -9 of a brigd that was about to start something: the child lives a moment longer than it.
TEST(Database, OutlivesAChildOfAUserThatIsGone) {
  TempDir dir;
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  UniqueFd in(ends[0]), out(ends[1]);
  pid_t user = ::fork();
  if (user == 0) {
    auto db = Database::open(dir / "brig.db");
    if (!db) ::_exit(1);
    int watch = ::inotify_init1(0);
    ::inotify_add_watch(watch, (dir / "brig.db.lock").c_str(), IN_OPEN);
    if (::fork() != 0) ::_exit(0);
    char events[4096];
    bool told = ::write(out.get(), "x", 1) == 1;
    // Until somebody tries.
    ::_exit(told && ::read(watch, events, sizeof events) > 0 ? 0 : 1);
  }
  out.reset();
  int status = 0;
  ASSERT_EQ(::waitpid(user, &status, 0), user);
  ASSERT_EQ(status, 0);
  char byte = 0;
  ASSERT_EQ(::read(in.get(), &byte, 1), 1);
  auto db = Database::open(dir / "brig.db");
  EXPECT_TRUE(db) << db.error().message;
}

TEST(Database, RefusesANewerSchema) {
  TempDir dir;
  {
    auto c = Connection::open(dir / "brig.db");
    ASSERT_TRUE(c) << c.error().message;
    ASSERT_TRUE((*c)->execute("PRAGMA user_version=999"));
  }
  auto db = Database::open(dir / "brig.db");
  ASSERT_FALSE(db);
  EXPECT_EQ(db.error().code, Code::unsupported);
  EXPECT_THAT(db.error().message, HasSubstr("written by a newer Brig"));
}

// What an older brigd can be given back.
TEST(Database, IsCopiedBeforeItGetsANewerSchema) {
  TempDir dir;
  auto known = static_cast<std::int64_t>(migrations().size());
  {
    auto c = Connection::open(dir / "brig.db");
    ASSERT_TRUE(c) << c.error().message;
    ASSERT_TRUE(migrate(**c, migrations().first(migrations().size() - 1)));
    ASSERT_TRUE((*c)->execute("INSERT INTO meta (key, value) VALUES ('installation', '00112233445566aa')"));
  }
  std::ofstream(kept_copy(dir / "brig.db", known - 2)) << "one from before";
  {
    auto db = Database::open(dir / "brig.db");
    ASSERT_TRUE(db) << db.error().message;
    EXPECT_EQ((*db)->installation(), "00112233445566aa");
  }
  auto copy = kept_copy(dir / "brig.db", known - 1);
  struct stat st {};
  ASSERT_EQ(::stat(copy.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600u);
  EXPECT_FALSE(std::filesystem::exists(kept_copy(dir / "brig.db", known - 2)));
  EXPECT_EQ(find_copy(dir / "brig.db", known), copy);
  EXPECT_EQ(find_copy(dir / "brig.db", known - 2), "");
  {
    auto c = Connection::open(copy);
    ASSERT_TRUE(c) << c.error().message;
    EXPECT_EQ(number(**c, "PRAGMA user_version"), known - 1);
    EXPECT_EQ(number(**c, "SELECT count(*) FROM meta WHERE value = '00112233445566aa'"), 1);
  }
  // One of today's schema is not copied.
  std::filesystem::remove(copy);
  ASSERT_TRUE(Database::open(dir / "brig.db"));
  EXPECT_FALSE(std::filesystem::exists(copy));
}

TEST(Database, SaysWhichCopyAnOlderBrigCanRead) {
  TempDir dir;
  auto known = static_cast<std::int64_t>(migrations().size());
  ASSERT_TRUE(Database::open(dir / "brig.db"));
  {
    auto c = Connection::open(dir / "brig.db");
    ASSERT_TRUE(c) << c.error().message;
    ASSERT_TRUE(copy_ledger(**c, kept_copy(dir / "brig.db", known)));
    ASSERT_TRUE((*c)->execute("PRAGMA user_version=999"));
  }
  auto copy = kept_copy(dir / "brig.db", known);
  auto refused = Database::open(dir / "brig.db");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr(copy.native()));
  // As it says.
  for (const char* name : {"brig.db", "brig.db-wal", "brig.db-shm"}) std::filesystem::remove(dir / name);
  std::filesystem::rename(copy, dir / "brig.db");
  EXPECT_TRUE(Database::open(dir / "brig.db"));
}

TEST(Database, IsNotChangedWhereNoCopyCanBeMade) {
  TempDir dir;
  auto known = static_cast<std::int64_t>(migrations().size());
  {
    auto c = Connection::open(dir / "brig.db");
    ASSERT_TRUE(c) << c.error().message;
    ASSERT_TRUE(migrate(**c, migrations().first(migrations().size() - 1)));
  }
  std::filesystem::create_directories(kept_copy(dir / "brig.db", known - 1) / "in the way");
  auto refused = Database::open(dir / "brig.db");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr(".schema-"));
  auto c = Connection::open(dir / "brig.db");
  ASSERT_TRUE(c) << c.error().message;
  EXPECT_EQ(number(**c, "PRAGMA user_version"), known - 1);
}

TEST(Database, RefusesWhatIsNoLedger) {
  TempDir dir;
  std::ofstream(dir / "brig.db") << std::string(8192, 'x');
  auto db = Database::open(dir / "brig.db");
  ASSERT_FALSE(db);
  EXPECT_EQ(db.error().code, Code::corrupt);
}

TEST(Database, RefusesADirectoryThatIsNotThere) {
  TempDir dir;
  auto db = Database::open(dir / "nowhere" / "brig.db");
  ASSERT_FALSE(db);
  EXPECT_THAT(db.error().message, HasSubstr("nowhere"));
}

TEST(Schema, UpgradesStepByStepAndKeepsWhatIsThere) {
  TempDir dir;
  constexpr const char* kSteps[] = {"CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (7)",
                                    "ALTER TABLE a ADD COLUMN y INTEGER NOT NULL DEFAULT 5",
                                    "CREATE TABLE b AS SELECT x + y AS z FROM a"};
  std::span<const char* const> all(kSteps);
  {
    auto c = Connection::open(dir / "brig.db");
    ASSERT_TRUE(c);
    ASSERT_TRUE(migrate(**c, all.first(1)));
    EXPECT_EQ(number(**c, "PRAGMA user_version"), 1);
  }
  auto c = Connection::open(dir / "brig.db");
  ASSERT_TRUE(c);
  ASSERT_TRUE(migrate(**c, all));
  ASSERT_TRUE(migrate(**c, all)) << "a second time is nothing to do";
  EXPECT_EQ(number(**c, "PRAGMA user_version"), 3);
  EXPECT_EQ(number(**c, "SELECT z FROM b"), 12);
}

TEST(Schema, AServiceThatWasForItsMeshStaysSo) {
  TempDir dir;
  auto c = Connection::open(dir / "brig.db");
  ASSERT_TRUE(c);
  auto all = migrations();
  constexpr std::size_t kBefore = 14;  // there were no scopes
  ASSERT_TRUE(migrate(**c, all.first(kBefore)));
  ASSERT_TRUE(
      (*c)->execute("INSERT INTO services VALUES ('acme', 'old', 'uid:1', '{}', zeroblob(1), 'running',"
                    " 'running', '', '', '{}', '', '', 5, 6)"));
  ASSERT_TRUE(migrate(**c, all));
  EXPECT_EQ(number(**c, "SELECT count(*) FROM services WHERE scope = '\"mesh\"'"), 1);
}

TEST(Schema, ATableMadeAnewLosesNothingThatRefersToIt) {
  TempDir dir;
  auto c = Connection::open(dir / "brig.db");
  ASSERT_TRUE(c);
  auto all = migrations();
  constexpr std::size_t kBefore = 12;  // names were the owner's alone
  ASSERT_TRUE(migrate(**c, all.first(kBefore)));
  ASSERT_TRUE((*c)->execute(
      "INSERT INTO sessions VALUES ('00000000000000aa', 'one', 'uid:1', 'running', '', 'box', 't', 'i', 'p',"
      " 'runc', '{}', 'h', '/p', 'c', NULL, zeroblob(32), 1, 7, '{}', 0, 5, 6, NULL, NULL, 'own', 'f1 f2',"
      " 'm', 'Work', 'w', '{\"A\":\"b\"}', '[1]', 'src', 'f2');"
      "INSERT INTO processes VALUES ('00000000000000aa', 1, '[]', '/', 0, 0, 5, NULL, NULL);"
      "INSERT INTO checkpoints VALUES ('00000000000000aa', 'good', 'f1 f2', 1, 5, 9)"));
  ASSERT_TRUE(migrate(**c, all));
  EXPECT_EQ(number(**c,
                   "SELECT count(*) FROM sessions WHERE name = 'one' AND generation = 7 AND mesh = 'm'"
                   " AND layer = 'own' AND frozen = 'f1 f2' AND volumes_json = '[1]' AND base = 'f2'"),
            1);
  EXPECT_EQ(number(**c, "SELECT count(*) FROM processes"), 1);
  EXPECT_EQ(number(**c, "SELECT count(*) FROM checkpoints"), 1);
  EXPECT_EQ(number(**c, "PRAGMA foreign_keys"), 1);
  ASSERT_TRUE((*c)->execute("DELETE FROM sessions"));
  EXPECT_EQ(number(**c, "SELECT count(*) FROM processes"), 0) << "it still goes with its session";
}

TEST(Schema, AStepThatFailsLeavesNoTrace) {
  TempDir dir;
  constexpr const char* kSteps[] = {"CREATE TABLE a (x INTEGER)",
                                    "CREATE TABLE b (x INTEGER); CREATE NONSENSE"};
  auto c = Connection::open(dir / "brig.db");
  ASSERT_TRUE(c);
  EXPECT_FALSE(migrate(**c, kSteps));
  EXPECT_EQ(number(**c, "PRAGMA user_version"), 1);
  EXPECT_EQ(number(**c, "SELECT count(*) FROM sqlite_schema WHERE name = 'b'"), 0);
}

TEST(Connection, AStatementUsedWithinItselfIsRefused) {
  TempDir dir;
  auto c = Connection::open(dir / "brig.db");
  ASSERT_TRUE(c);
  constexpr const char* kSql = "SELECT 1 UNION SELECT 2";
  auto outer = (*c)->prepare(kSql);
  ASSERT_TRUE(outer);
  ASSERT_TRUE(outer->step().ok());
  EXPECT_FALSE((*c)->prepare(kSql));
}

TEST(Transaction, RollsBackUnlessCommitted) {
  TempDir dir;
  auto c = Connection::open(dir / "brig.db");
  ASSERT_TRUE(c);
  ASSERT_TRUE((*c)->execute("CREATE TABLE a (x INTEGER)"));
  {
    auto t = Transaction::begin(**c);
    ASSERT_TRUE(t);
    ASSERT_TRUE((*c)->execute("INSERT INTO a VALUES (1)"));
  }
  EXPECT_EQ(number(**c, "SELECT count(*) FROM a"), 0);
}

}  // namespace
}  // namespace brig::store
