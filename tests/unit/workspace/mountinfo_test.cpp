#include <gtest/gtest.h>

#include "workspace/mounts.hpp"

namespace brig::workspace {
namespace {

TEST(Mountinfo, ReadsWhatTheKernelWrites) {
  auto mounts = parse_mountinfo(
      "22 1 254:0 / / rw,relatime - ext4 /dev/root rw\n"
      "99 22 0:41 / /state\\040dir/sessions/ab/workspace rw,nosuid shared:7 master:1 - overlay brig "
      "rw,lowerdir=x\n");
  ASSERT_TRUE(mounts) << mounts.error().message;
  ASSERT_EQ(mounts->size(), 2u);
  EXPECT_EQ((*mounts)[1].point, "/state dir/sessions/ab/workspace");
  EXPECT_EQ((*mounts)[1].type, "overlay");
  EXPECT_EQ((*mounts)[1].id, 99u);
}

TEST(Mountinfo, RefusesWhatItDoesNot) {
  for (const char* text :
       {"22 1 254:0 / / rw - ext4 /dev/root rw", "\n", "22 1 254:0 / / rw ext4 /dev/root rw x\n",
        "x 1 254:0 / / rw - ext4 /dev/root rw\n", "22 1 254:0 / relative rw - ext4 /dev/root rw\n",
        "22 1 254:0 / /a\\04 rw - ext4 /dev/root rw\n", "22 1 254:0 / /a\\999 rw - ext4 /dev/root rw\n",
        "22 1 254:0 / /a rw opt -\n"}) {
    EXPECT_FALSE(parse_mountinfo(text)) << text;
  }
}

}  // namespace
}  // namespace brig::workspace
