// Which volumes a filter means.
#include <gtest/gtest.h>

#include "session/volumes.hpp"

namespace brig::session {
namespace {

constexpr WallTime kNow{Millis{1'000'000}};

VolumeView volume(const std::string& name, std::uint64_t held, std::optional<int> used) {
  VolumeView out;
  out.name = out.engine = name;
  out.owner = "uid:1";
  out.mesh = "north";
  out.held = held;
  out.created = WallTime{Millis{1000}};
  if (used) out.used = WallTime{Millis{*used}};
  return out;
}

TEST(VolumeFilter, MeansWhatFitsInEveryRespect) {
  auto shared = volume("a", 10, 500'000);
  auto config = volume("b", 20, std::nullopt);
  config.provider = "claude";
  config.identity = "1f2e";
  config.identity_label = "work";
  VolumeFilter none;
  EXPECT_TRUE(matches(shared, none, kNow));
  auto only = [&](auto set) {
    VolumeFilter filter;
    set(filter);
    return std::pair(matches(shared, filter, kNow), matches(config, filter, kNow));
  };
  using P = std::pair<bool, bool>;
  EXPECT_EQ(only([](auto& f) { f.kind = "shared"; }), P(true, false));
  EXPECT_EQ(only([](auto& f) { f.kind = "config"; }), P(false, true));
  EXPECT_EQ(only([](auto& f) { f.mesh = "north"; }), P(true, true));
  EXPECT_EQ(only([](auto& f) { f.mesh = "south"; }), P(false, false));
  EXPECT_EQ(only([](auto& f) { f.owner = "uid:2"; }), P(false, false));
  EXPECT_EQ(only([](auto& f) { f.provider = "claude"; }), P(false, true));
  EXPECT_EQ(only([](auto& f) { f.identity = "work"; }), P(false, true));
  EXPECT_EQ(only([](auto& f) { f.identity = "1f2e"; }), P(false, true));
  EXPECT_EQ(only([](auto& f) { f.larger = 10; }), P(false, true));
  EXPECT_EQ(only([](auto& f) { f.orphan = true; }), P(false, false));
  EXPECT_EQ(only([](auto& f) { f.unused_for = Millis{500'000}; }), P(true, true));
  EXPECT_EQ(only([](auto& f) { f.unused_for = Millis{500'001}; }),
            P(false, true));  // it counts from its making
  EXPECT_EQ(only([](auto& f) { f.unused_for = Millis{999'001}; }), P(false, false));
  config.sessions = {"fix"};
  EXPECT_EQ(only([](auto& f) { f.unused_for = Millis{1}; }), P(true, false));
  // Of an identity that is gone, its missing name is nobody's.
  config.identity_label.clear();
  config.orphan = true;
  EXPECT_EQ(only([](auto& f) { f.identity = "work"; }), P(false, false));
  EXPECT_EQ(only([](auto& f) { f.orphan = true; }), P(false, true));
  // A clock that was set back makes nothing old.
  shared.used = WallTime{Millis{2'000'000}};
  EXPECT_EQ(only([](auto& f) { f.unused_for = Millis{1}; }).first, false);
}

TEST(VolumeFilter, OrdersByNameSizeOrUse) {
  std::vector<VolumeView> all = {volume("b", 1, 9000), volume("a", 3, 8000), volume("c", 2, std::nullopt)};
  auto in = [&](VolumeOrder order) {
    sort_volumes(all, order);
    return all[0].name + all[1].name + all[2].name;
  };
  EXPECT_EQ(in(VolumeOrder::name), "abc");
  EXPECT_EQ(in(VolumeOrder::size), "acb");
  EXPECT_EQ(in(VolumeOrder::used), "cab");
}

}  // namespace
}  // namespace brig::session
