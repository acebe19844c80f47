#include "session/directories.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "core/files.hpp"

namespace brig::session {
namespace {

class Directories : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "brig-directories-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    paths_.emplace(pattern);
    std::filesystem::create_directories(paths_->sessions());
    std::filesystem::create_directories(paths_->init_binary().parent_path());
    ASSERT_TRUE(write_file(paths_->init_binary(), "init", 0755));
    bundle_ = paths_->root() / "ca.crt";
    ASSERT_TRUE(write_file(bundle_, "authorities", 0644));
  }
  void TearDown() override { std::filesystem::remove_all(paths_->root()); }

  static struct stat look(const std::filesystem::path& path) {
    struct stat st {};
    EXPECT_EQ(stat(path.c_str(), &st), 0) << path;
    return st;
  }

  std::optional<StatePaths> paths_;
  std::filesystem::path bundle_;
};

TEST_F(Directories, WhatAllSandboxesShareIsOneFile) {
  SessionId one("0000000000000001"), two("0000000000000002");
  ASSERT_TRUE(make_directories(*paths_, one, "127.0.0.1 one\n", bundle_));
  ASSERT_TRUE(make_directories(*paths_, two, "127.0.0.1 two\n", bundle_));
  EXPECT_EQ(look(paths_->link_dir(one) / "ca.crt").st_ino, look(bundle_).st_ino);
  EXPECT_EQ(look(paths_->link_dir(two) / "ca.crt").st_ino, look(bundle_).st_ino);
  EXPECT_EQ(look(paths_->link_init(two)).st_ino, look(paths_->init_binary()).st_ino);
  EXPECT_EQ(*read_file(paths_->hosts(two), 100), "127.0.0.1 two\n");
}

TEST_F(Directories, ALaterBundleIsForLaterSandboxes) {
  SessionId early("0000000000000001"), late("0000000000000002");
  ASSERT_TRUE(make_directories(*paths_, early, "", bundle_));
  ASSERT_TRUE(write_file(bundle_, "other authorities", 0644));  // as the next brigd does
  ASSERT_TRUE(make_directories(*paths_, late, "", bundle_));
  EXPECT_EQ(*read_file(paths_->link_dir(early) / "ca.crt", 100), "authorities");
  EXPECT_EQ(*read_file(paths_->link_dir(late) / "ca.crt", 100), "other authorities");
}

TEST_F(Directories, ModesHoldWhateverTheUmask) {
  SessionId id("0000000000000001");
  auto old = umask(077);
  auto made = make_directories(*paths_, id, "", {});
  umask(old);
  ASSERT_TRUE(made);
  EXPECT_EQ(look(paths_->session(id)).st_mode & 07777u, 0711u);
  EXPECT_EQ(look(paths_->link_dir(id)).st_mode & 07777u, 0755u);
  EXPECT_EQ(look(paths_->workspace(id)).st_mode & 07777u, 0755u);
  EXPECT_EQ(look(paths_->session(id) / "out").st_mode & 07777u, 0700u);
  EXPECT_EQ(look(paths_->hosts(id)).st_mode & 07777u, 0644u);
  EXPECT_FALSE(std::filesystem::exists(paths_->link_dir(id) / "ca.crt"));
  EXPECT_TRUE(make_directories(*paths_, id, "", {})) << "a second time finds what is there";
}

TEST_F(Directories, WhatIsMissingIsNamed) {
  auto made = make_directories(*paths_, SessionId("0000000000000001"), "", paths_->root() / "none.crt");
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().message.find("none.crt"), std::string::npos) << made.error().message;
}

}  // namespace
}  // namespace brig::session
