#include "image/catalog.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "core/random.hpp"

namespace brig::image {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class CatalogTest : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(dir_ / "base" / "in-build"); }
  void TearDown() override { fs::remove_all(dir_); }

  void write(const fs::path& name, const std::string& content) {
    fs::create_directories((dir_ / name).parent_path());
    std::ofstream(dir_ / name) << content;
  }
  void write_lock(const std::string& node, const std::string& node_pty) {
    auto entry = [](const std::string& id, const std::string& version) {
      return " { id = \"" + id + "\", arch = \"any\", name = \"n\", version = \"" + version +
             "\", track = \"latest\", integrity = \"\" },\n";
    };
    write("versions.lock",
          "format = 1\npackages = [\n" + entry("node", node) + entry("node-pty", node_pty) + "]\n");
  }
  std::string hash(const std::string& name = "tool") {
    auto hashed = hash_source(dir_ / name, dir_);
    EXPECT_TRUE(hashed) << hashed.error().message;
    return hashed ? *hashed : "";
  }

  fs::path dir_ = fs::temp_directory_path() / ("brig-catalog-" + random_hex(6));
};

TEST_F(CatalogTest, TheOneInTheRepositoryIsRead) {
  auto catalog = Catalog::load(BRIG_SOURCE_DIR "/images", "brig");
  ASSERT_TRUE(catalog) << catalog.error().message;
  for (auto id : {"shell", "node", "python", "claude", "codex", "gemini"})
    EXPECT_TRUE(catalog->find(id)) << id;
  EXPECT_FALSE(catalog->find("base"));
  EXPECT_FALSE(catalog->find("init"));
}

TEST_F(CatalogTest, OneBadFileIsNamed) {
  write("good/provider.toml", "schema = 1\ntitle = \"T\"\nbinary = \"t\"\n");
  write("bad/provider.toml", "schema = 1\ncolour = 1\n");
  auto catalog = Catalog::load(dir_, "brig");
  ASSERT_FALSE(catalog);
  EXPECT_THAT(catalog.error().message, HasSubstr("bad/provider.toml"));
}

TEST_F(CatalogTest, AMissingFolderSaysWhatToSet) {
  auto catalog = Catalog::load(dir_ / "nowhere", "brig");
  ASSERT_FALSE(catalog);
  EXPECT_THAT(catalog.error().message, HasSubstr("[images] dir"));
}

TEST_F(CatalogTest, AnUnknownProviderGetsTheNearest) {
  write("claude/provider.toml", "schema = 1\ntitle = \"T\"\nbinary = \"t\"\n");
  auto catalog = Catalog::load(dir_, "brig");
  ASSERT_TRUE(catalog);
  EXPECT_THAT(catalog->find("cluade").error().message, HasSubstr("claude"));
  EXPECT_THAT(catalog->find("zzz").error().message, HasSubstr("there are claude"));
}

TEST_F(CatalogTest, TheHashIsOfNamesModesAndContents) {
  write_lock("1", "1");
  write("tool/Dockerfile", "FROM x\n");
  write("tool/a", "1");
  auto first = hash();
  EXPECT_EQ(hash(), first);
  write("tool/provider.toml", "anything");
  EXPECT_EQ(hash(), first) << "provider.toml is in no image";
  write("tool/a", "2");
  auto second = hash();
  EXPECT_NE(second, first);
  ::chmod((dir_ / "tool/a").c_str(), 0755);
  auto third = hash();
  EXPECT_NE(third, second);
  fs::rename(dir_ / "tool/a", dir_ / "tool/b");
  EXPECT_NE(hash(), third);
}

TEST_F(CatalogTest, OnlyPinsThatTheDockerfileNamesCount) {
  write("tool/Dockerfile", "COPY brig-host/lock/node-pty /brig-host/lock/\n");
  write_lock("1", "1");
  auto first = hash();
  write_lock("2", "1");
  EXPECT_EQ(hash(), first);
  write_lock("2", "2");
  EXPECT_NE(hash(), first);
}

TEST_F(CatalogTest, ProgramsOfTheBuildCount) {
  write("tool/Dockerfile", "FROM x\n");
  auto first = hash();
  write("base/in-build/fetch", "x");
  EXPECT_NE(hash(), first);
}

TEST_F(CatalogTest, LinksAreNotFollowedAndOddThingsRefused) {
  write("tool/Dockerfile", "FROM x\n");
  fs::create_symlink("/etc/shadow", dir_ / "tool/link");
  auto first = hash();
  fs::remove(dir_ / "tool/link");
  fs::create_symlink("/etc/passwd", dir_ / "tool/link");
  EXPECT_NE(hash(), first);
  fs::create_directory_symlink("/proc", dir_ / "tool/proc");
  hash();
  ASSERT_EQ(::mkfifo((dir_ / "tool/fifo").c_str(), 0600), 0);
  auto odd = hash_source(dir_ / "tool", dir_);
  ASSERT_FALSE(odd);
  EXPECT_THAT(odd.error().message, HasSubstr("neither a file nor a folder"));
}

}  // namespace
}  // namespace brig::image
