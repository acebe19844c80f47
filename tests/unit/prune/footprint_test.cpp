#include "prune/footprint.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include "core/files.hpp"

namespace brig::prune {
namespace {

namespace fs = std::filesystem;

class Bytes : public testing::Test {
 protected:
  Bytes() {
    std::string name = fs::temp_directory_path() / "brig-bytes-XXXXXX";
    root = ::mkdtemp(name.data());
  }
  ~Bytes() override { fs::remove_all(root); }
  fs::path root;
};

TEST_F(Bytes, AreThoseOnTheDisk) {
  auto empty = bytes_on_disk(root);
  ASSERT_TRUE(write_file(root / "large", std::string(1 << 20, 'x'), 0600));
  fs::create_directory(root / "below");
  ASSERT_TRUE(write_file(root / "below/small", "x", 0600));
  auto full = bytes_on_disk(root);
  EXPECT_GE(full, empty + (1 << 20));
  // Holes, further names and what links point to take nothing more to speak of.
  ASSERT_TRUE(write_file(root / "sparse", "", 0600));
  fs::resize_file(root / "sparse", std::uintmax_t{1} << 40);
  fs::create_hard_link(root / "large", root / "below/again");
  fs::create_symlink("/", root / "out");
  EXPECT_LT(bytes_on_disk(root), full + (64 << 10));
  EXPECT_GE(bytes_on_disk(root / "large"), 1u << 20);
  EXPECT_EQ(bytes_on_disk(root / "nothing"), 0u);
}

}  // namespace
}  // namespace brig::prune
