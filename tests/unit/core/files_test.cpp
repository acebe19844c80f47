#include "core/files.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace brig {
namespace {

class Files : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "brig-files-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  std::filesystem::path dir_;
};

TEST_F(Files, WriteReplacesWholeAndSetsTheMode) {
  auto path = dir_ / "x";
  ASSERT_TRUE(write_file(path, "old", 0644));
  ASSERT_TRUE(write_file(path, std::string("new\0bytes", 9), 0600));
  auto content = read_file(path, 100);
  ASSERT_TRUE(content);
  EXPECT_EQ(*content, std::string("new\0bytes", 9));
  struct stat st {};
  ASSERT_EQ(stat(path.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777u, 0600u);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir_), {}), 1);  // no temporary file stays
}

TEST_F(Files, WithoutASyncItIsWrittenTheSameWay) {
  auto path = dir_ / "x";
  ASSERT_TRUE(write_file(path, "old", 0600, Sync::no));
  ASSERT_TRUE(write_file(path, "new", 0644, Sync::no));
  EXPECT_EQ(*read_file(path, 100), "new");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir_), {}), 1);
}

TEST_F(Files, ReadIsBoundedAndOnlyOfFiles) {
  ASSERT_TRUE(write_file(dir_ / "big", std::string(1000, 'x'), 0600));
  EXPECT_EQ(read_file(dir_ / "big", 999).error().code, Code::too_large);
  EXPECT_TRUE(read_file(dir_ / "big", 1000));
  EXPECT_EQ(read_file(dir_ / "none", 10).error().code, Code::not_found);
  EXPECT_EQ(read_file(dir_, 10).error().code, Code::invalid);
  ASSERT_EQ(mkfifo((dir_ / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(read_file(dir_ / "fifo", 10).error().code, Code::invalid);
}

TEST_F(Files, AFailedWriteLeavesTheOldContent) {
  std::filesystem::create_directory(dir_ / "target");
  EXPECT_FALSE(write_file(dir_ / "target", "x", 0600));
  EXPECT_FALSE(write_file(dir_ / "no" / "such", "x", 0600));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir_), {}), 1);
}

}  // namespace
}  // namespace brig
