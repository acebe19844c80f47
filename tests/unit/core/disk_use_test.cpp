#include "core/disk_use.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include "core/files.hpp"

namespace brig {
namespace {

namespace fs = std::filesystem;

class Bytes : public testing::Test {
 protected:
  Bytes() {
    std::string name = fs::temp_directory_path() / "brig-bytes-XXXXXX";
    root = ::mkdtemp(name.data());
  }
  ~Bytes() override { fs::remove_all(root); }
  static std::uint64_t bytes(const fs::path& path) {
    auto out = bytes_on_disk(path);
    EXPECT_TRUE(out) << path;
    return out ? *out : 0;
  }
  fs::path root;
};

TEST_F(Bytes, AreThoseOnTheDisk) {
  auto empty = bytes(root);
  ASSERT_TRUE(write_file(root / "large", std::string(1 << 20, 'x'), 0600));
  fs::create_directory(root / "below");
  ASSERT_TRUE(write_file(root / "below/small", "x", 0600));
  auto full = bytes(root);
  EXPECT_GE(full, empty + (1 << 20));
  // Holes, further names and what links point to take nothing more to speak of.
  ASSERT_TRUE(write_file(root / "sparse", "", 0600));
  fs::resize_file(root / "sparse", std::uintmax_t{1} << 40);
  fs::create_hard_link(root / "large", root / "below/again");
  fs::create_symlink("/", root / "out");
  EXPECT_LT(bytes(root), full + (64 << 10));
  EXPECT_GE(bytes(root / "large"), 1u << 20);
  EXPECT_EQ(bytes(root / "nothing"), 0u);
}

}  // namespace
}  // namespace brig
