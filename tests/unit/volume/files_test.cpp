#include "volume/files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "directory.hpp"

namespace brig::volume {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> names(const Result<std::vector<Point>>& points) {
  std::vector<std::string> out;
  if (!points) return {"refused"};
  for (const auto& point : *points) out.push_back(point.path + (point.file ? "" : "/"));
  return out;
}

TEST(Points, AreWhatIsMissingOrEmptyAndGoOnlyWhileTheyAre) {
  testing::Directory volume;
  volume.put("there/file", "content");
  auto directory = volume.open();
  using Names = std::vector<std::string>;
  EXPECT_EQ(names(missing_points(directory.get(), "there/file", true)), Names{});
  auto points = missing_points(directory.get(), "a/b/c.json", true);
  ASSERT_EQ(names(points), (Names{"a/", "a/b/", "a/b/c.json"}));
  ASSERT_TRUE(make_points(directory.get(), *points));
  EXPECT_EQ(volume.get("a/b/c.json"), "");
  // A second session finds them empty and takes them for what they are; only a file has a size.
  EXPECT_EQ(names(missing_points(directory.get(), "a/b/c.json", true)), Names{"a/b/c.json"});
  volume.put("a/kept", "x");
  remove_points(directory.get(), *points);
  EXPECT_FALSE(fs::exists(volume.path() / "a/b"));
  EXPECT_EQ(volume.get("a/kept"), "x");
  volume.put("d", "written meanwhile");
  remove_points(directory.get(), {{"d", true}});
  EXPECT_EQ(volume.get("d"), "written meanwhile");
}

TEST(Points, ThroughALinkOrOverAnotherKindAreRefused) {
  testing::Directory volume, outside;
  fs::create_symlink(outside.path(), volume.path() / "way");
  fs::create_symlink("/etc/passwd", volume.path() / "settings.json");
  volume.put("file", "x");
  fs::create_directory(volume.path() / "dir");
  auto directory = volume.open();
  for (const char* path : {"way/x", "settings.json", "file/x", "dir", "../x", "a/../../x"}) {
    auto refused = missing_points(directory.get(), path, true);
    EXPECT_FALSE(refused) << path;
    EXPECT_TRUE(!refused && refused.error().code == Code::denied) << path;
  }
  EXPECT_FALSE(make_points(directory.get(), {{"way/x", true}}));
  EXPECT_TRUE(fs::is_empty(outside.path()));
}

TEST(ReadInside, TakesPlainFilesOnly) {
  testing::Directory volume;
  volume.put("file", "content");
  fs::create_symlink("file", volume.path() / "link");
  ASSERT_EQ(::mkfifo((volume.path() / "pipe").c_str(), 0600), 0);
  auto directory = volume.open();
  EXPECT_EQ(*read_inside(directory.get(), "file", 100), "content");
  EXPECT_EQ(read_inside(directory.get(), "file", 3).error().code, Code::too_large);
  EXPECT_EQ(read_inside(directory.get(), "absent", 100).error().code, Code::not_found);
  for (const char* path : {"link", "pipe", ".", "../x", "/etc/passwd"})
    EXPECT_EQ(read_inside(directory.get(), path, 100).error().code, Code::invalid) << path;
}

TEST(MakeVolume, HandsOverAtFirstUseAndKeepsWhatIsThere) {
  testing::Directory state;
  auto dir = state.path() / "volumes" / "v";
  ASSERT_TRUE(make_volume(dir, 0, "x.json", "{}", true));
  struct stat status {};
  ASSERT_EQ(::stat((dir / "data" / "x.json").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, kInside);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
  state.put("volumes/v/data/x.json", "changed");
  state.put("volumes/v/data/sub/deep", "x");
  ASSERT_TRUE(make_volume(dir, 0, "x.json", "{}", true));
  EXPECT_EQ(state.get("volumes/v/data/x.json"), "changed");
  ASSERT_EQ(::stat((dir / "data" / "sub" / "deep").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, kInside);
  fs::remove(dir / "data" / "x.json");
  fs::create_symlink("/etc/passwd", dir / "data" / "x.json");
  EXPECT_FALSE(make_volume(dir, 0, "x.json", "{}", false));
}

}  // namespace
}  // namespace brig::volume
