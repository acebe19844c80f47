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

}  // namespace
}  // namespace brig::reconcile
