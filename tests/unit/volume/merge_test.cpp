#include "volume/merge.hpp"

#include <gtest/gtest.h>
#include <sys/sysmacros.h>

#include "directory.hpp"

namespace brig::volume {
namespace {

const WallTime kNow{Millis{5'000'000}};

class MergeBack : public ::testing::Test {
 protected:
  void merge(std::vector<std::string> keep) {
    auto done = merge_back(upper.path(), data.path(), keep, kNow);
    EXPECT_TRUE(done) << done.error().message;
  }
  testing::Directory upper, data;
};

TEST_F(MergeBack, TakesWhatIsNamedAndNothingElse) {
  upper.put("auth.json", "new");
  upper.put("cache", "junk");
  upper.put("sessions/1/log", "one");
  upper.put("sessionsx/1", "junk");
  merge({"auth.json", "sessions/", "absent", "absent/"});
  EXPECT_EQ(data.get("auth.json"), "new");
  EXPECT_EQ(data.get("sessions/1/log"), "one");
  EXPECT_EQ(data.get("cache"), "(none)");
  EXPECT_EQ(data.get("sessionsx/1"), "(none)");
}

TEST_F(MergeBack, NewestWinsAndDoingItAgainChangesNothing) {
  data.put("older", "standing", 2000);
  data.put("newer", "standing", 500);
  upper.put("older", "mine", 1000);
  upper.put("newer", "mine", 1000);
  for (int i = 0; i < 2; ++i) {
    merge({"older", "newer"});
    EXPECT_EQ(data.get("older"), "standing");
    EXPECT_EQ(data.get("newer"), "mine");
  }
  struct stat status {};
  ASSERT_EQ(::stat((data.path() / "newer").c_str(), &status), 0);
  EXPECT_EQ(status.st_mtim.tv_sec, 1000);
  EXPECT_EQ(status.st_uid, 1000u);
}

// A session that claims to have written next year would never lose again.
TEST_F(MergeBack, TheFutureIsNow) {
  upper.put("auth.json", "mine", 9'000'000);
  merge({"auth.json"});
  struct stat status {};
  ASSERT_EQ(::stat((data.path() / "auth.json").c_str(), &status), 0);
  EXPECT_EQ(status.st_mtim.tv_sec, 5000);
}

TEST_F(MergeBack, DeletionsComeBackUnlessSomebodyWroteMeanwhile) {
  data.put("gone", "x");
  data.put("back", "x", 4'000'000'000);
  for (const char* name : {"gone", "back"})
    ASSERT_EQ(::mknod((upper.path() / name).c_str(), S_IFCHR, ::makedev(0, 0)), 0);
  merge({"gone", "back"});
  EXPECT_EQ(data.get("gone"), "(none)");
  EXPECT_EQ(data.get("back"), "x");
}

TEST_F(MergeBack, LinksPipesAndWaysOutStayBehind) {
  testing::Directory outside;
  outside.put("secret", "host");
  std::filesystem::create_symlink(outside.path() / "secret", upper.path() / "link");
  std::filesystem::create_symlink(outside.path(), upper.path() / "dir");
  ASSERT_EQ(::mkfifo((upper.path() / "pipe").c_str(), 0600), 0);
  upper.put("a/b", "mine");
  std::filesystem::create_symlink(outside.path(), data.path() / "a");
  upper.put("good", "mine");
  merge({"link", "dir/secret", "dir/", "pipe", "a/b", "good"});
  EXPECT_FALSE(std::filesystem::exists(data.path() / "link"));
  EXPECT_FALSE(std::filesystem::exists(data.path() / "dir"));
  EXPECT_FALSE(std::filesystem::exists(data.path() / "pipe"));
  EXPECT_FALSE(std::filesystem::exists(outside.path() / "b"));
  EXPECT_EQ(data.get("good"), "mine");
}

TEST_F(MergeBack, ALinkInTheVolumeIsReplacedNotFollowed) {
  testing::Directory outside;
  outside.put("file", "host");
  std::filesystem::create_symlink(outside.path() / "file", data.path() / "auth.json");
  upper.put("auth.json", "mine");
  merge({"auth.json"});
  EXPECT_EQ(outside.get("file"), "host");
  EXPECT_EQ(data.get("auth.json"), "mine");
  EXPECT_FALSE(std::filesystem::is_symlink(data.path() / "auth.json"));
}

TEST_F(MergeBack, ASessionThatNeverRanHasNothing) {
  auto done = merge_back(upper.path() / "absent", data.path(), {"x"}, kNow);
  EXPECT_TRUE(done) << done.error().message;
}

}  // namespace
}  // namespace brig::volume
