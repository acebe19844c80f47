// Rules that prune by themselves: told first, done after their notice, and only what still holds by then.
#include "prune/unattended.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "../store/temp_dir.hpp"
#include "net/loop.hpp"

namespace brig::prune {
namespace {

using std::chrono::hours;
using store::TempDir;
using testing::ElementsAre;
using testing::HasSubstr;

session::VolumeView volume_of(const std::string& name) {
  session::VolumeView out;
  out.name = out.engine = name;
  out.owner = "uid:0";
  out.allocated = 100;
  return out;
}

class FakePrunes final : public Prunes {
 public:
  net::Task<Result<Plan>> plan(session::Caller caller, Rules rules) override {
    EXPECT_EQ(caller.role, session::Caller::Role::admin);
    last_rules = rules;
    if (refuse) co_return *refuse;
    Plan out;
    for (const auto& volume : goes) out.verdicts.push_back({volume, true, {"nobody used it"}});
    for (const auto& volume : stays) out.verdicts.push_back({volume, false, {"it is pinned"}});
    co_return out;
  }
  net::Task<Result<Verdict>> verdict(session::Caller, std::string) override { co_return refusal(); }
  net::Task<Result<void>> check(session::Caller, Order) override { co_return refusal(); }
  net::Task<Result<Report>> execute(session::Caller, Order order, Listener) override {
    if (refuse) co_return *refuse;
    EXPECT_TRUE(order.quarantine);
    if (stopped) stopped();
    Report out;
    for (const auto& one : order.agreed) {
      done.push_back(one.volume);
      out.steps.push_back({one.volume, true, "", 100});
      out.bytes += 100;
    }
    co_return out;
  }

  std::vector<session::VolumeView> goes, stays;
  std::optional<Error> refuse;
  std::vector<std::string> done;
  std::function<void()> stopped;  // brigd, while this is being done
  Rules last_rules;

 private:
  static Error refusal() { return {Code::internal, "nobody asks for this", "test", false}; }
};

struct House {
  explicit House(net::asio::any_io_executor executor, std::filesystem::path dir)
      : database(std::move(*store::Database::open(dir / "brig.db"))),
        table(*database),
        event_table(*database),
        events(executor, {}, event_table, clock, metrics) {}

  Unattended with(Standing rule) { return Unattended({std::move(rule)}, prunes, table, events, clock); }
  net::Task<std::size_t> count_told() {
    auto all = co_await told();
    co_return all.size();
  }
  net::Task<std::vector<std::pair<std::string, std::string>>> told() {
    auto flushed = co_await events.flush();
    EXPECT_TRUE(flushed);
    events::Filter all;
    auto cursor = co_await events.open(all, std::optional<std::uint64_t>(0));
    auto batch = co_await cursor->next();
    std::vector<std::pair<std::string, std::string>> out;
    for (const auto& record : batch->records) out.emplace_back(record.kind, record.detail_json);
    co_return out;
  }

  FakeClock clock;
  metrics::Registry metrics;
  std::unique_ptr<store::Database> database;
  store::StandingTable table;
  store::EventTable event_table;
  events::Log events;
  FakePrunes prunes;
};

Standing daily() {
  Standing out{"stale", {}, hours(24), hours(6), false};
  out.rules.filter.kind = "shared";
  out.rules.keep_last = 2;
  return out;
}

net::Task<bool> tells_first(std::filesystem::path dir) {
  House house(co_await net::asio::this_coro::executor, dir);
  house.prunes.goes = {volume_of("a"), volume_of("b"), volume_of("c")};
  auto rules = house.with(daily());
  co_await rules.tick();
  EXPECT_EQ(house.prunes.last_rules.filter.kind, "shared");
  EXPECT_EQ(house.prunes.last_rules.keep_last, 2u);
  auto told = co_await house.told();
  EXPECT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].first, "volume.prune_planned");
  EXPECT_THAT(told[0].second, HasSubstr(R"("volumes":["a","b","c"])"));
  auto now = co_await rules.standing();
  EXPECT_TRUE(now->at(0).pending);
  EXPECT_EQ(now->at(0).next, house.clock.wall() + hours(6));

  house.clock.advance(hours(5));
  co_await rules.tick();
  EXPECT_TRUE(house.prunes.done.empty());
  // Meanwhile one was pinned, and one used; of another the plan never spoke. brigd was started anew.
  auto used = volume_of("b");
  used.used = house.clock.wall();
  house.prunes.goes = {volume_of("a"), used, volume_of("later")};
  house.prunes.stays = {volume_of("c")};
  house.clock.advance(hours(1));
  auto again = house.with(daily());
  co_await again.tick();
  EXPECT_THAT(house.prunes.done, ElementsAre("a"));
  now = co_await again.standing();
  const auto& view = now->at(0);
  EXPECT_FALSE(view.pending);
  EXPECT_EQ(view.next, *view.planned + hours(24));
  EXPECT_EQ(view.report.bytes, 100u);
  EXPECT_EQ(view.report.steps.size(), 3u);
  EXPECT_TRUE(view.report.steps[0].gone);
  EXPECT_THAT(view.report.steps[1].reason, HasSubstr("was used since"));
  EXPECT_THAT(view.report.steps[2].reason, HasSubstr("it is pinned"));
  told = co_await house.told();
  EXPECT_EQ(told.size(), 2u);
  EXPECT_EQ(told[1].first, "volume.prune_done");
  EXPECT_THAT(told[1].second, HasSubstr(R"("count":1)"));
  // Not before its day is over.
  house.clock.advance(hours(17));
  co_await again.tick();
  auto count = co_await house.count_told();
  EXPECT_EQ(count, 2u);
  house.clock.advance(hours(1));
  co_await again.tick();
  count = co_await house.count_told();
  EXPECT_EQ(count, 3u);
  co_return true;
}

TEST(Unattended, TellsFirstAndDoesWhatStillHolds) {
  TempDir dir;
  EXPECT_TRUE(net::run_task(tells_first(dir / "")));
}

net::Task<bool> goes_on_after_a_stop(std::filesystem::path dir) {
  House house(co_await net::asio::this_coro::executor, dir);
  house.prunes.goes = {volume_of("a")};
  auto rules = house.with(daily());
  co_await rules.tick();
  house.clock.advance(hours(24));
  house.prunes.stopped = [&rules] { rules.close(); };
  co_await rules.tick();
  auto now = co_await rules.standing();
  EXPECT_TRUE(now->at(0).pending);
  EXPECT_FALSE(now->at(0).done);
  house.prunes.stopped = nullptr;
  auto again = house.with(daily());
  co_await again.tick();
  now = co_await again.standing();
  EXPECT_FALSE(now->at(0).pending);
  EXPECT_TRUE(now->at(0).done);
  co_return true;
}

TEST(Unattended, AStopInTheMiddleLeavesItToBeDone) {
  TempDir dir;
  EXPECT_TRUE(net::run_task(goes_on_after_a_stop(dir / "")));
}

net::Task<bool> only_tells(std::filesystem::path dir) {
  House house(co_await net::asio::this_coro::executor, dir);
  house.prunes.goes = {volume_of("a")};
  // What it was to do before it was told only to tell, it does not do.
  auto earnest = house.with(daily());
  co_await earnest.tick();
  auto rule = daily();
  rule.dry_run = true;
  auto rules = house.with(rule);
  for (int i = 0; i < 5; ++i) {
    house.clock.advance(hours(24));
    co_await rules.tick();
  }
  EXPECT_TRUE(house.prunes.done.empty());
  auto count = co_await house.count_told();
  EXPECT_EQ(count, 6u);
  co_return true;
}

TEST(Unattended, ADryRunOnlyTells) {
  TempDir dir;
  EXPECT_TRUE(net::run_task(only_tells(dir / "")));
}

net::Task<bool> tries_again(std::filesystem::path dir) {
  House house(co_await net::asio::this_coro::executor, dir);
  house.prunes.goes = {volume_of("a")};
  auto rules = house.with(daily());
  house.prunes.refuse = Error{Code::unavailable, "the engine is away", "test", true};
  auto wait = co_await rules.tick();
  EXPECT_LE(wait, std::chrono::minutes(1));
  auto now = co_await rules.standing();
  EXPECT_FALSE(now->at(0).planned);
  house.prunes.refuse.reset();
  co_await rules.tick();
  now = co_await rules.standing();
  EXPECT_TRUE(now->at(0).pending);
  house.clock.advance(hours(6));
  house.prunes.refuse = Error{Code::conflict, "a prune is under way", "test", true};
  co_await rules.tick();
  now = co_await rules.standing();
  EXPECT_TRUE(now->at(0).pending);
  house.prunes.refuse.reset();
  co_await rules.tick();
  EXPECT_THAT(house.prunes.done, ElementsAre("a"));
  co_return true;
}

TEST(Unattended, TriesAgainWhatCannotBeDoneNow) {
  TempDir dir;
  EXPECT_TRUE(net::run_task(tries_again(dir / "")));
}

}  // namespace
}  // namespace brig::prune
