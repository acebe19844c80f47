// Without an engine that answers there is no evidence: nothing is planned, and nothing goes.
#include "prune/pruner.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../store/temp_dir.hpp"
#include "net/loop.hpp"

namespace brig::prune {
namespace {

using store::TempDir;

class OneOldVolume final : public session::Volumes {
 public:
  using Caller = session::Caller;
  using View = session::VolumeView;
  net::Task<Result<std::vector<View>>> list(Caller, session::VolumeFilter, session::VolumeOrder) override {
    View volume;
    volume.name = volume.engine = "old";
    volume.owner = "uid:0";
    std::vector<View> all{volume};
    co_return all;
  }
  net::Task<Result<std::vector<session::ForeignVolume>>> foreign(Caller) override { co_return refusal(); }
  net::Task<Result<View>> get(Caller, std::string) override { co_return refusal(); }
  net::Task<Result<View>> restore(Caller, std::string) override { co_return refusal(); }
  net::Task<Result<View>> create(Caller, session::VolumeSpec) override { co_return refusal(); }
  net::Task<Result<View>> pin(Caller, std::string, bool) override { co_return refusal(); }
  net::Task<Result<std::unique_ptr<session::Outgoing>>> carry_out(Caller, std::string) override {
    co_return refusal();
  }
  net::Task<Result<std::unique_ptr<session::Incoming>>> take_in(Caller, session::ImportSpec) override {
    co_return refusal();
  }
  net::Task<Result<View>> clone(Caller, std::string, session::ImportSpec) override { co_return refusal(); }
  net::Task<Result<void>> remove(Caller, std::string, Removal) override { co_return refusal(); }

 private:
  static Error refusal() { return {Code::internal, "nobody asks for this", "test", false}; }
};

net::Task<bool> try_everything(std::filesystem::path dir) {
  auto executor = co_await net::asio::this_coro::executor;
  SystemClock clock;
  metrics::Registry metrics;
  net::Worker blocking(1);
  auto opened = store::Database::open(dir / "brig.db");
  store::VolumeTable table(**opened);
  store::SessionTable sessions(**opened);
  store::EventTable event_table(**opened);
  events::Log::Options kept;
  events::Log events(executor, kept, event_table, clock, metrics);
  auto endpoint = docker::parse_endpoint("unix://" + (dir / "docker.sock").string());
  auto engine = docker::connect(*endpoint, executor);
  StatePaths paths(dir);
  volume::Options options{"0011223344556677", paths};
  volume::Volumes volumes(executor, options, **engine, table, clock, blocking);
  volume::Quarantine::Options kept_for;
  volume::Quarantine quarantine(executor, kept_for, volumes, clock);
  store::VolumeRow row;
  row.name = "old";
  row.owner = "uid:0";
  auto added = co_await table.adopt(row);
  EXPECT_TRUE(added && *added);

  OneOldVolume shelf;
  Sources sources{shelf, volumes, quarantine, sessions, clock, blocking};
  Pruner pruner(sources, events, metrics);
  session::Caller admin;
  admin.role = session::Caller::Role::admin;
  Rules rules;
  rules.filter.unused_for = Millis{0};
  auto plan = co_await pruner.plan(admin, rules);
  EXPECT_TRUE(!plan && plan.error().code == Code::unavailable);
  auto verdict = co_await pruner.verdict(admin, "old");
  EXPECT_FALSE(verdict);
  Order order;
  order.rules = rules;
  for (bool archived : {true, false}) {
    order.quarantine = archived;
    Listener listener;
    auto done = co_await pruner.execute(admin, order, std::move(listener));
    EXPECT_TRUE(!done && done.error().code == Code::unavailable);
  }
  auto there = co_await table.get("old");
  EXPECT_TRUE(there && !there->removing);
  // Asked for all the same, it is put back.
  auto put = co_await quarantine.put("old", nullptr);
  EXPECT_FALSE(put);
  there = co_await table.get("old");
  EXPECT_TRUE(there && !there->removing && there->stage.empty());
  co_return true;
}

TEST(Pruner, DoesNothingWithoutEvidence) {
  TempDir dir;
  EXPECT_TRUE(net::run_task(try_everything(dir / "")));
}

}  // namespace
}  // namespace brig::prune
