#include "reconcile/reconciler.hpp"

#include "support.hpp"

namespace brig::reconcile {
namespace {

using session::ContainerState;
using session::House;

ContainerState stranger(std::string id) {
  ContainerState state;
  state.id = ContainerId(std::move(id));
  state.name = "brig-somebody";
  state.session = SessionId("00000000000000ee");
  state.running = true;
  return state;
}

net::Task<void> strangers(House& house) {
  Reconciler reconciler(house.executor, house.paths,
                        {*house.manager, house.sessions, house.containers, house.blocking});
  auto actions = [&]() -> net::Task<std::size_t> {
    auto count = co_await reconciler.once();
    EXPECT_TRUE(count) << count.error().message;
    co_return count ? *count : 99;
  };
  house.containers.there.push_back(stranger("aaaaaaaaaaaa"));
  auto first = co_await actions();
  EXPECT_EQ(first, 1u);
  auto again = co_await actions();
  EXPECT_EQ(again, 0u) << "it was spoken of before";
  house.containers.there.push_back(stranger("bbbbbbbbbbbb"));
  auto another = co_await actions();
  EXPECT_EQ(another, 1u);
  house.containers.there.clear();
  auto gone = co_await actions();
  EXPECT_EQ(gone, 0u);
  house.containers.there.push_back(stranger("aaaaaaaaaaaa"));
  auto back = co_await actions();
  EXPECT_EQ(back, 1u) << "one that comes back is news";
}
TEST(Reconciler, SpeaksOfAStrangersContainerOnce) {
  session::with_house(strangers);
}

// The engine was still making it when brigd was killed, and did not say so to the next one.
net::Task<void> late(House& house) {
  Reconciler reconciler(house.executor, house.paths,
                        {*house.manager, house.sessions, house.containers, house.blocking});
  store::SessionRow row;
  row.id = SessionId("00000000000000ee");
  row.name = "one";
  row.owner = "uid:0";
  row.phase = "preparing";
  row.provider = "shell";
  row.profile = "default";
  row.runtime = "runc";
  row.policy_json = "{}";
  row.link_key = supervisor::new_link_key();
  row.created = house.clock.wall();
  row.labels_json = "{}";
  row.container_name = "brig-test-00000000000000ee";
  auto inserted = co_await house.sessions.insert(row);
  EXPECT_TRUE(inserted) << inserted.error().message;
  auto taken_back = co_await reconciler.once();
  EXPECT_TRUE(taken_back && *taken_back == 1u);
  auto container = stranger("aaaaaaaaaaaa");
  container.name = row.container_name;
  house.containers.there.push_back(container);
  house.containers.removed.clear();
  auto removed = co_await reconciler.once();
  EXPECT_TRUE(removed && *removed == 1u);
  EXPECT_EQ(house.containers.removed, std::vector<std::string>{row.container_name});
}
TEST(Reconciler, RemovesAContainerThatCameAfterItsSessionWasTakenBack) {
  session::with_house(late);
}

// Its supervisor has answered, so it was acknowledged; and brigd was killed before the engine's start came to
// its end, until when the engine lists a container that never ran.
net::Task<void> starting(House& house) {
  SessionId id("0123456789abcdef");
  auto begun = co_await house.adopt(id);
  EXPECT_TRUE(begun) << begun.error().message;
  co_await house.manager->close();
  house.open();
  Reconciler reconciler(house.executor, house.paths,
                        {*house.manager, house.sessions, house.containers, house.blocking});
  ContainerState container = stranger("0123456789ab");
  container.name = "brig-test-" + id.str();
  container.session = id;
  house.containers.truth = container;
  container.running = false;
  house.containers.there.push_back(container);
  auto looked = co_await reconciler.once();
  EXPECT_TRUE(looked && *looked == 1u);
  auto row = co_await house.sessions.get(id);
  EXPECT_EQ(row->phase, "running");
  EXPECT_TRUE(house.manager->is_live(id));
  // And one that is gone is gone.
  co_await house.manager->close();
  house.open();
  Reconciler later(house.executor, house.paths,
                   {*house.manager, house.sessions, house.containers, house.blocking});
  house.containers.truth->running = false;
  looked = co_await later.once();
  EXPECT_TRUE(looked && *looked == 1u);
  row = co_await house.sessions.get(id);
  EXPECT_EQ(row->phase, "ended");
}
TEST(Reconciler, KeepsAnAcknowledgedSessionThatTheEngineIsStillStarting) {
  session::with_house(starting);
}

}  // namespace
}  // namespace brig::reconcile
