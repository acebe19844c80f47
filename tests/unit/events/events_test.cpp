// The log of events over a real ledger: numbers, restarts, bounds, readers that come late or lag behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "events/log.hpp"
#include "net/loop.hpp"
#include "net/scope.hpp"
#include "store/sessions.hpp"
#include "temp_dir.hpp"

namespace brig::events {
namespace {

using testing::ElementsAre;

class Events : public testing::Test {
 protected:
  void SetUp() override { reopen({}); }
  void reopen(Log::Options options) {
    log.reset();
    table.reset();
    database.reset();
    auto opened = store::Database::open(dir / "brig.db");
    ASSERT_TRUE(opened) << opened.error().message;
    database = std::move(*opened);
    table.emplace(*database);
    log.emplace(io.get_executor(), options, *table, clock, metrics);
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
  void add(int n) {
    Event event;
    event.kind = "n." + std::to_string(n);
    event.owner = "alice";
    log->add(event);
  }
  std::vector<std::string> kinds(Cursor& cursor, std::optional<Cursor::Missed>* missed = nullptr) {
    std::vector<std::string> out;
    while (true) {
      auto batch = run(cursor.next());
      EXPECT_TRUE(batch);
      if (!batch) return out;
      if (missed && batch->missed) *missed = batch->missed;
      for (const auto& record : batch->records) out.push_back(record.kind);
      if (batch->end) return out;
    }
  }

  store::TempDir dir;
  boost::asio::io_context io{1};
  FakeClock clock;
  metrics::Registry metrics;
  std::unique_ptr<store::Database> database;
  std::optional<store::EventTable> table;
  std::optional<Log> log;
};

TEST_F(Events, KeepTheirNumbersAcrossRestartsAndTrimming) {
  for (int i = 1; i <= 5; ++i) add(i);
  ASSERT_TRUE(run(log->flush()));
  reopen({.rows = 2, .age = std::chrono::hours(1)});
  ASSERT_TRUE(run(log->trim()));
  auto all = run(log->open({}, 0));
  ASSERT_TRUE(all);
  std::optional<Cursor::Missed> missed;
  EXPECT_THAT(kinds(*all, &missed), ElementsAre("n.4", "n.5"));
  ASSERT_TRUE(missed);
  EXPECT_EQ(missed->from, 1u);
  EXPECT_EQ(missed->to, 3u);

  clock.advance(std::chrono::hours(2));
  ASSERT_TRUE(run(log->trim()));
  reopen({});
  add(6);
  ASSERT_TRUE(run(log->flush()));
  auto later = run(log->open({}, 5));
  auto batch = run(later->next());
  ASSERT_EQ(batch->records.size(), 1u);
  EXPECT_EQ(batch->records[0].number, 6u);  // though the table had been empty
  EXPECT_FALSE(batch->missed);
  auto ahead = run(log->open({}, 1'000'000));
  EXPECT_THAT(kinds(*ahead), ElementsAre());
  EXPECT_EQ(ahead->position(), 6u);
}

TEST_F(Events, AFilterThatMatchesNothingIsSearchedInPiecesAndKeepsItsPlace) {
  constexpr int kMany = 10'000;
  for (int i = 0; i < kMany; i += 4000) {
    for (int k = i; k < std::min(kMany, i + 4000); ++k) add(k);
    ASSERT_TRUE(run(log->flush()));
  }
  Filter bobs;
  bobs.owner = "bob";
  auto cursor = run(log->open(bobs, 0));
  auto first = run(cursor->next());
  EXPECT_TRUE(first->records.empty());
  EXPECT_FALSE(first->end);
  EXPECT_EQ(cursor->position(), store::EventTable::kSearch);
  EXPECT_TRUE(kinds(*cursor).empty());
  EXPECT_EQ(cursor->position(), static_cast<std::uint64_t>(kMany));
  auto all = run(log->open({}, 0));
  EXPECT_EQ(kinds(*all).size(), static_cast<std::size_t>(kMany));  // page by page, none twice
}

TEST_F(Events, AWaitingReaderIsWokenByWhatIsCommitted) {
  auto cursor = run(log->open({}, std::nullopt));
  net::Scope scope(io.get_executor(), "test");
  scope.spawn(log->run());
  auto wait_then_add = [](Log* log, Cursor* cursor) -> net::Task<Result<Cursor::Batch>> {
    Event event;
    event.kind = "late";
    auto executor = co_await boost::asio::this_coro::executor;
    boost::asio::post(executor, [log, event] { log->add(event); });
    co_return co_await cursor->next_until(Deadline::never());
  };
  auto batch = run(wait_then_add(&*log, &*cursor));
  ASSERT_TRUE(batch);
  ASSERT_EQ(batch->records.size(), 1u);
  EXPECT_EQ(batch->records[0].kind, "late");
  auto nothing = run(cursor->next_until(Deadline::in(Millis(1))));
  EXPECT_TRUE(nothing->records.empty());
  auto close = [](net::Scope* scope) -> net::Task<int> {
    co_await scope->close();
    co_return 0;
  };
  run(close(&scope));
}

TEST_F(Events, WhatTheLedgerDoesNotTakeIsBoundedAndToldLater) {
  for (std::size_t i = 0; i < Log::kMaxQueued + 3; ++i) add(static_cast<int>(i));
  ASSERT_TRUE(run(log->flush()));
  Filter losses;
  losses.kind = "events";
  auto cursor = run(log->open(losses, 0));
  std::vector<Record> records;
  while (records.empty()) {
    auto batch = run(cursor->next());
    records = batch->records;
    if (batch->end) break;
  }
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].detail_json, R"({"count":3})");
}

store::SessionRow session() {
  store::SessionRow row;
  row.id = SessionId("00000000000000aa");
  row.name = "fix";
  row.owner = "alice";
  row.mesh = "acme";
  row.phase = "preparing";
  row.provider = "box";
  row.container_name = "c";
  row.link_key = Secret(std::string(32, 'k'));
  return row;
}

TEST_F(Events, EveryChangeOfASessionsPhaseIsOneAndNothingElseIs) {
  store::SessionTable sessions(*database);
  std::vector<std::string> phases;
  sessions.on_phase = [&](const std::string& from, const std::string& to) {
    phases.push_back(from + ">" + to);
  };
  ASSERT_TRUE(run(sessions.insert(session())));
  EXPECT_FALSE(run(sessions.insert(session())));  // the name is taken: nothing happened
  store::SessionChange change;
  change.phase = "running";
  ASSERT_TRUE(run(sessions.update(session().id, change)));
  ASSERT_TRUE(run(sessions.update(session().id, change)));  // as it was
  change.phase = "ending";
  change.outcome_json = R"({"kind":"exited","code":3})";
  change.reason = "it is over";
  ASSERT_TRUE(run(sessions.update(session().id, change)));
  EXPECT_FALSE(run(sessions.update(SessionId("00000000000000bb"), change)));
  ASSERT_TRUE(run(sessions.remove(session().id)));
  ASSERT_TRUE(run(sessions.remove(session().id)));
  EXPECT_THAT(phases, ElementsAre(">preparing", "preparing>running", "running>ending", "ending>"));

  auto cursor = run(log->open({}, 0));
  auto batch = run(cursor->next());
  std::vector<std::string> kinds;
  for (const auto& record : batch->records) {
    kinds.push_back(record.kind);
    EXPECT_EQ(record.session, "00000000000000aa");
    EXPECT_EQ(record.owner, "alice");
    EXPECT_EQ(record.mesh, "acme");
  }
  EXPECT_THAT(kinds,
              ElementsAre("session.preparing", "session.running", "session.ending", "session.removed"));
  EXPECT_EQ(batch->records[0].detail_json, R"({"name":"fix","provider":"box"})");
  EXPECT_EQ(batch->records[2].detail_json,
            R"({"name":"fix","provider":"box","from":"running","reason":"it is over",)"
            R"("outcome":{"kind":"exited","code":3}})");
}

}  // namespace
}  // namespace brig::events
