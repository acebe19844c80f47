#include "sandbox.hpp"

namespace brig::workspace {
namespace {

TEST(Destroy, NothingIsNoError) {
  Place place;
  EXPECT_TRUE(destroy(place.root / "nothing"));
}

TEST(Destroy, FollowsNoLink) {
  Place place;
  auto outside = place.root / "home" / "outside";
  fs::create_directories(outside);
  write_text(outside / "keep", "me");
  fs::create_directory_symlink(outside, place.session() / "link");
  fs::create_directories(place.session() / "upper");
  fs::create_directory_symlink(outside, place.session() / "upper" / "link");
  write_text(place.session() / "upper" / "file", "x");
  ASSERT_EQ(::mknod((place.session() / "upper" / "gone").c_str(), S_IFCHR, 0), 0);
  ASSERT_TRUE(destroy(place.session()));
  EXPECT_FALSE(fs::exists(place.session()));
  EXPECT_EQ(read_text(outside / "keep"), "me");
  // Nor when the session's directory itself is one.
  fs::create_directory_symlink(outside, place.session());
  EXPECT_FALSE(destroy(place.session()));
  EXPECT_EQ(read_text(outside / "keep"), "me");
  fs::remove(place.session());
}

TEST(Destroy, DeeperThanAnyPathCanSay) {
  Place place;
  {
    UniqueFd at(::open(place.session().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    std::string name(200, 'd');
    for (int i = 0; i < 150; ++i) {
      ASSERT_EQ(::mkdirat(at.get(), name.c_str(), 0), 0);
      UniqueFd file(::openat(at.get(), "f", O_CREAT | O_WRONLY | O_CLOEXEC, 0));
      at = UniqueFd(::openat(at.get(), name.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
      ASSERT_TRUE(at);
    }
  }
  auto done = destroy(place.session());
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_FALSE(fs::exists(place.session()));
}

TEST(Destroy, ManyNamesOfManyKinds) {
  Place place;
  for (int i = 0; i < 50; ++i) {
    auto dir = place.session() / ("dir " + std::to_string(i));
    fs::create_directory(dir);
    for (int k = 0; k < 20; ++k) write_text(dir / ("\x01\xff*" + std::to_string(k)), "");
  }
  ASSERT_TRUE(destroy(place.session()));
  EXPECT_FALSE(fs::exists(place.session()));
}

TEST(Destroy, CrossesNoMount) {
  Place place;
  auto outside = place.root / "home" / "outside";
  fs::create_directories(outside);
  write_text(outside / "keep", "me");
  auto point = place.session() / "upper" / "point";
  fs::create_directories(point);
  ASSERT_EQ(::mount(outside.c_str(), point.c_str(), nullptr, MS_BIND, nullptr), 0);
  auto refused = destroy(place.session());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::conflict);
  EXPECT_EQ(read_text(outside / "keep"), "me");
  ASSERT_EQ(::umount(point.c_str()), 0);
  EXPECT_TRUE(destroy(place.session()));
}

}  // namespace
}  // namespace brig::workspace
