#include "session/policy_book.hpp"

#include <gtest/gtest.h>

#include "core/files.hpp"

namespace brig::session {
namespace {

class PolicyBookTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "brig-policies-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
    std::filesystem::create_directory(dir_ / "profiles");
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  PolicyBook::Sources sources() const { return {dir_ / "ceiling.toml", dir_ / "profiles", "default"}; }

  std::filesystem::path dir_;
};

TEST_F(PolicyBookTest, HasTheBuiltInProfilesAndNeedsNoFiles) {
  auto book = PolicyBook::load(sources());
  ASSERT_TRUE(book) << book.error().message;
  for (const char* name : {"default", "strict", "crun", "gvisor", ""}) EXPECT_TRUE(book->find(name)) << name;
}

TEST_F(PolicyBookTest, AnUnknownProfileNamesTheNearest) {
  auto book = PolicyBook::load(sources());
  ASSERT_TRUE(book);
  auto missing = book->find("strickt");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::not_found);
  EXPECT_NE(missing.error().message.find("'strict'"), std::string::npos) << missing.error().message;
}

TEST_F(PolicyBookTest, AFileThatDoesNotParseStopsTheServiceAndIsNamed) {
  ASSERT_TRUE(write_file(dir_ / "profiles" / "mine.toml", "runtme = 'crun'\n", 0644));
  auto book = PolicyBook::load(sources());
  ASSERT_FALSE(book);
  EXPECT_NE(book.error().message.find("mine.toml"), std::string::npos) << book.error().message;
}

TEST_F(PolicyBookTest, TheOperatorsProfileReplacesABuiltInOne) {
  ASSERT_TRUE(write_file(dir_ / "profiles" / "strict.toml", "runtime = 'crun'\n", 0644));
  auto book = PolicyBook::load(sources());
  ASSERT_TRUE(book) << book.error().message;
  auto strict = book->find("strict");
  ASSERT_TRUE(strict);
  EXPECT_EQ((*strict)->runtime, policy::Runtime::crun);
  EXPECT_FALSE((*strict)->built_in);
}

TEST_F(PolicyBookTest, AMissingDefaultProfileIsNoticedAtStart) {
  auto from = sources();
  from.default_profile = "nowhere";
  EXPECT_FALSE(PolicyBook::load(from));
}

}  // namespace
}  // namespace brig::session
