// A child commits as fast as it can and says so through a pipe; it is killed in the middle, again and again.
// What it said stands, and the file is whole.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>

#include "core/unique_fd.hpp"
#include "store/database.hpp"
#include "store/schema.hpp"
#include "temp_dir.hpp"

namespace brig::store {
namespace {

// Runs `body(fd)` in a child, reads `acks` 8-byte numbers from it, kills it, and gives the last number.
template <class F>
std::int64_t run_and_kill(F body, int acks) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return -1;
  UniqueFd in(ends[0]), out(ends[1]);
  pid_t child = ::fork();
  if (child < 0) return -1;
  if (child == 0) {
    in.reset();
    body(out.get());
    ::_exit(0);
  }
  out.reset();
  std::int64_t last = 0, value = 0;
  for (int i = 0; i < acks && ::read(in.get(), &value, sizeof value) == sizeof value; ++i) last = value;
  ::kill(child, SIGKILL);
  // What it acknowledged before it died counts too.
  while (::read(in.get(), &value, sizeof value) == sizeof value) last = value;
  int status = 0;
  ::waitpid(child, &status, 0);
  return last;
}

Result<void> put(Connection& c, std::int64_t n) {
  BRIG_TRY(Transaction t, Transaction::begin(c));
  for (int part = 0; part < 3; ++part) {
    BRIG_TRY(Statement s, c.prepare("INSERT INTO meta (key, value) VALUES (?1, ?2)"));
    s.bind(1, std::to_string(n) + "." + std::to_string(part)).bind(2, std::string(500, 'v'));
    BRIG_CHECK(s.done());
  }
  return t.commit();
}

std::int64_t number(Connection& c, const char* sql) {
  auto s = c.prepare(sql);
  if (!s || !s->step().ok()) return -1;
  return s->integer(0);
}

std::string text(Connection& c, const char* sql) {
  auto s = c.prepare(sql);
  if (!s || !s->step().ok()) return "error";
  return s->text(0);
}

TEST(Crash, EveryAcknowledgedCommitStands) {
  TempDir dir;
  auto file = dir / "brig.db";
  std::minstd_rand random(4711);
  std::int64_t next = 1;
  for (int round = 0; round < 30; ++round) {
    auto last = run_and_kill(
        [&](int fd) {
          auto c = Connection::open(file);
          if (!c || !migrate(**c, migrations())) return;
          for (std::int64_t n = next;; ++n) {
            if (!put(**c, n)) return;
            if (::write(fd, &n, sizeof n) != sizeof n) return;
          }
        },
        static_cast<int>(random() % 150) + 1);
    ASSERT_GE(last, next) << "round " << round;
    auto c = Connection::open(file);
    ASSERT_TRUE(c) << c.error().message;
    ASSERT_EQ(text(**c, "PRAGMA integrity_check"), "ok") << "round " << round;
    // All of each commit or nothing; everything up to the last one acknowledged, and perhaps one more.
    auto rows = number(**c, "SELECT count(*) FROM meta");
    ASSERT_EQ(rows % 3, 0) << "round " << round;
    ASSERT_GE(rows / 3, last) << "round " << round;
    ASSERT_LE(rows / 3, last + 1) << "round " << round;
    ASSERT_EQ(number(**c, "SELECT max(CAST(key AS INTEGER)) FROM meta"), rows / 3) << "round " << round;
    next = rows / 3 + 1;
  }
}

TEST(Crash, AMigrationCutShortIsGoneOnWithLater) {
  TempDir dir;
  auto file = dir / "brig.db";
  std::vector<std::string> texts;
  std::vector<const char*> steps;
  for (int i = 0; i < 200; ++i) {
    auto n = std::to_string(i);
    texts.push_back("CREATE TABLE a" + n + " (x INTEGER); INSERT INTO a" + n + " VALUES (" + n +
                    "); CREATE TABLE b" + n + " AS SELECT * FROM a" + n);
  }
  for (auto& t : texts) steps.push_back(t.c_str());
  std::minstd_rand random(42);
  std::int64_t version = 0;
  int cut_short = 0;
  while (version < 200) {
    run_and_kill(
        [&](int fd) {
          auto c = Connection::open(file);
          if (!c) return;
          // One step at a time, so that the parent can choose when to strike.
          for (auto n = static_cast<std::size_t>(version) + 1; n <= steps.size(); ++n) {
            auto done = static_cast<std::int64_t>(n);
            if (!migrate(**c, {steps.data(), n}) || ::write(fd, &done, sizeof done) != sizeof done) return;
          }
        },
        static_cast<int>(random() % 20) + 1);
    auto c = Connection::open(file);
    ASSERT_TRUE(c) << c.error().message;
    auto reached = number(**c, "PRAGMA user_version");
    ASSERT_GE(reached, version);
    ASSERT_EQ(number(**c, "SELECT count(*) FROM sqlite_schema WHERE type = 'table'"), 2 * reached);
    ASSERT_EQ(text(**c, "PRAGMA integrity_check"), "ok");
    cut_short += reached < 200;
    version = reached;
  }
  EXPECT_GT(cut_short, 0);
}

}  // namespace
}  // namespace brig::store
