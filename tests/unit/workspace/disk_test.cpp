#include <dirent.h>
#include <gmock/gmock.h>
#include <sys/statvfs.h>

#include "sandbox.hpp"

namespace brig::workspace {
namespace {

using ::testing::HasSubstr;

class Disk : public ::testing::TestWithParam<Mounter::Method> {
 protected:
  static constexpr std::uint64_t kLimit = 64u << 20;
  Result<void> mount(std::uint64_t bytes = kLimit) {
    auto spec = place.spec();
    spec.uid = spec.gid = 1234;
    spec.disk_bytes = bytes;
    return mounter.mount(spec);
  }
  // How many bytes of 1 MiB writes fit, as uid 1000; -1 if it ended otherwise than for want of space.
  std::int64_t fill(const fs::path& file) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return -1;
    UniqueFd in(ends[0]), out(ends[1]);
    bool full = as(1000, 1000, [&] {
      UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
      std::vector<char> block(1 << 20, 'x');
      std::int64_t total = 0;
      while (total < 1 << 30) {
        auto n = ::write(fd.get(), block.data(), block.size());
        if (n < 0) break;
        total += n;
      }
      bool no_space = errno == ENOSPC;
      return ::write(out.get(), &total, sizeof total) == sizeof total && no_space;
    });
    std::int64_t total = 0;
    if (!full || ::read(in.get(), &total, sizeof total) != sizeof total) return -1;
    return total;
  }

  Place place;
  Mounter mounter{GetParam()};
};

TEST_P(Disk, TheLimitHolds) {
  auto mounted = mount();
  ASSERT_TRUE(mounted) << mounted.error().message;
  EXPECT_EQ(loops_of(place.root), 1u);
  auto fits = fill(place.workspace() / "big");
  EXPECT_GT(fits, 40 << 20);
  EXPECT_LT(fits, 64 << 20);
  EXPECT_TRUE(as(1000, 1000, [&] { return fs::remove(place.workspace() / "big"); }));
  EXPECT_GT(fill(place.workspace() / "again"), fits - (8 << 20)) << "what is deleted can be used again";
}

TEST_P(Disk, WhatIsLeftIsKnownFromOutside) {
  EXPECT_FALSE(space_of(place.session()));
  ASSERT_TRUE(mount());
  auto space = space_of(place.session());
  ASSERT_TRUE(space);
  EXPECT_LE(space->bytes, kLimit);
  EXPECT_FALSE(space->full());
  EXPECT_GT(fill(place.workspace() / "big"), 0);
  EXPECT_TRUE(space_of(place.session())->full());
}

TEST_P(Disk, NothingIsLeftAfterUnmounting) {
  ASSERT_TRUE(mount());
  write_text(place.workspace() / "kept", "over a remount");
  ASSERT_TRUE(unmount(place.session()));
  EXPECT_TRUE(no_loops_of(place.root));
  ASSERT_TRUE(mount(2 * kLimit)) << "an image that is there is used";
  EXPECT_EQ(read_text(place.workspace() / "kept"), "over a remount");
  struct statvfs st {};
  ASSERT_EQ(::statvfs(place.workspace().c_str(), &st), 0);
  EXPECT_LE(st.f_blocks * st.f_frsize, kLimit);
}

TEST_P(Disk, TheImageIsSparse) {
  ASSERT_TRUE(mount(std::uint64_t{10} << 30));
  auto st = look(place.layer() / "disk.img");
  EXPECT_EQ(st.st_size, off_t{10} << 30);
  EXPECT_LT(st.st_blocks * 512, 64 << 20);
  EXPECT_EQ(st.st_mode & 0777, 0600u);
}

TEST_P(Disk, OwnersAreMappedThroughIt) {
  ASSERT_TRUE(mount());
  EXPECT_TRUE(as(1000, 1000, [&] {
    write_text(place.workspace() / "a", "b");
    return look(place.workspace() / "a").st_uid == 1000;
  }));
}

TEST_P(Disk, SizesThatCannotBeKept) {
  auto refused = mount(1 << 20);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::invalid);
  EXPECT_THAT(refused.error().message, HasSubstr("between 16.0 MiB and 16.0 TiB"));
}

TEST_P(Disk, AnImageThatIsNoneLeavesNoDeviceBound) {
  fs::create_directory(place.layer());
  UniqueFd fd(::open((place.layer() / "disk.img").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(::ftruncate(fd.get(), 1 << 24), 0);
  EXPECT_FALSE(mount());
  EXPECT_TRUE(no_loops_of(place.root));
}

INSTANTIATE_TEST_SUITE_P(Methods, Disk,
                         ::testing::Values(Mounter::Method::automatic, Mounter::Method::attached));

}  // namespace
}  // namespace brig::workspace
