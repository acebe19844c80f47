// Mounts of volumes, in what the kernel says and on this machine.
#include "prune/mounts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace brig::prune {
namespace {

std::vector<std::string> texts(const std::vector<Evidence::Mount>& mounts) {
  std::vector<std::string> out;
  for (const auto& mount : mounts) out.push_back(mount.volume + " at " + mount.point);
  return out;
}

TEST(Mounts, AreThoseBesideAVolumesOwnPlace) {
  Known known{
      {{"7:3", "cache"}}, {"old"}, {{"cache", "/s/volumes/cache/data"}, {"old", "/s/volumes/old/data"}}};
  auto found = mounts_in(
      "30 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
      "31 30 7:3 /data /s/volumes/cache/data rw,nosuid - ext4 /dev/loop3 rw\n"
      "32 30 7:3 /data /mnt/two\\040words rw - ext4 /dev/loop3 rw\n"
      "36 30 7:3 /data /host/s/volumes/cache/data rw - ext4 /dev/loop3 rw\n"
      "33 30 7:4 /data /mnt/other rw - ext4 /dev/loop4 rw\n"
      "34 30 8:1 /var/s/volumes/old/data /x rw - ext4 /dev/sda1 rw\n"
      "35 30 8:1 /var/s/volumes/older/data /y rw - ext4 /dev/sda1 rw\n",
      known);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_THAT(texts(*found), ::testing::ElementsAre("cache at /mnt/two words", "old at /x"));
}

TEST(Mounts, ThatCannotBeReadAreAnErrorAndNotNone) {
  EXPECT_FALSE(mounts_in("nonsense\n", {}));
}

TEST(Mounts, OfThisMachineCanBeRead) {
  auto found = find_mounts({{"none", "/no/such/volumes/none/data"}});
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_TRUE(found->empty());
}

}  // namespace
}  // namespace brig::prune
