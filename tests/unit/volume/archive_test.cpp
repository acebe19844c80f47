// Archives of sparse files: whole, resumed after any cut, and never believed once a bit is flipped.
#include "volume/archive.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <random>

#include "directory.hpp"

namespace brig::volume {
namespace {

using testing::Directory;
using ::testing::HasSubstr;

constexpr std::size_t kMega = 1u << 20;

class Archive : public ::testing::Test {
 protected:
  // Five megabytes: a piece that does not compress, a hole, one that does, zeros, and half a piece at the
  // end.
  Archive() : file(dir.path() / "disk.img"), archive(dir.path() / "a.zst"), back(dir.path() / "back.img") {
    std::mt19937 random(7);
    content.assign(5 * kMega - 300'000, '\0');
    for (std::size_t i = 0; i < kMega; ++i) content[i] = static_cast<char>(random());
    std::fill(content.begin() + 2 * kMega, content.begin() + 3 * kMega, 'x');
    content.back() = '!';
    UniqueFd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    EXPECT_EQ(::ftruncate(fd.get(), static_cast<off_t>(content.size())), 0);
    for (auto [at, n] :
         {std::pair{std::size_t{0}, kMega}, {2 * kMega, 2 * kMega}, {content.size() - 1, std::size_t{1}}})
      EXPECT_EQ(::pwrite(fd.get(), content.data() + at, n, static_cast<off_t>(at)), static_cast<ssize_t>(n));
  }
  std::string read(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::uint64_t blocks(const std::filesystem::path& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 ? static_cast<std::uint64_t>(status.st_blocks) * 512 : 0;
  }

  Directory dir;
  std::filesystem::path file, archive, back;
  std::string content;
};

TEST_F(Archive, GivesBackEveryByteAndEveryHole) {
  auto length = write_archive(file, archive);
  ASSERT_TRUE(length) << length.error().message;
  EXPECT_EQ(*length, std::filesystem::file_size(archive));
  EXPECT_LT(*length, kMega + 100'000);  // only one piece does not compress
  auto done = read_archive(archive, back);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_TRUE(read(back) == content);
  EXPECT_LE(blocks(back), 3 * kMega);
  EXPECT_FALSE(std::filesystem::exists(dir.path() / "back.img.new"));
  EXPECT_EQ(*check_archive(archive), *length);
  std::filesystem::resize_file(archive, *length - 1);
  EXPECT_FALSE(check_archive(archive));
  ASSERT_TRUE(write_archive(file, archive));
  // Again it is found whole.
  EXPECT_EQ(*write_archive(file, archive), *length);
}

TEST_F(Archive, GoesOnWhereverItWasCut) {
  ASSERT_TRUE(write_archive(file, archive));
  auto whole = read(archive);
  std::mt19937 random(11);
  std::vector<std::size_t> cuts = {0, 1, 8, 9, 63, 64, whole.size() - 1, whole.size()};
  for (int i = 0; i < 20; ++i) cuts.push_back(random() % whole.size());
  for (auto cut : cuts) {
    std::ofstream(archive, std::ios::binary | std::ios::trunc)
        << whole.substr(0, cut) << (cut % 3 ? "junk" : "");
    auto again = write_archive(file, archive);
    ASSERT_TRUE(again) << cut << ": " << again.error().message;
    EXPECT_TRUE(read(archive) == whole) << cut;
  }
}

TEST_F(Archive, OfAnotherFileIsNotBelieved) {
  ASSERT_TRUE(write_archive(file, archive));
  {
    UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
    ASSERT_EQ(::pwrite(fd.get(), "y", 1, 2 * kMega + 5), 1);
    content[2 * kMega + 5] = 'y';
  }
  ASSERT_TRUE(write_archive(file, archive));
  ASSERT_TRUE(read_archive(archive, back));
  EXPECT_TRUE(read(back) == content);
}

TEST_F(Archive, WithAFlippedBitIsNamedAndNothingOfItTaken) {
  ASSERT_TRUE(write_archive(file, archive));
  auto whole = read(archive);
  std::mt19937 random(13);
  for (int i = 0; i < 60; ++i) {
    auto bad = whole;
    auto at = i < 20   ? static_cast<std::size_t>(i) * 3
              : i < 40 ? whole.size() - 1 - static_cast<std::size_t>(i - 20)
                       : random() % whole.size();
    bad[at] = static_cast<char>(bad[at] ^ (1 << (random() % 8)));
    std::ofstream(archive, std::ios::binary | std::ios::trunc) << bad;
    auto done = read_archive(archive, back);
    ASSERT_FALSE(done) << at;
    EXPECT_EQ(done.error().code, Code::corrupt);
    EXPECT_THAT(done.error().message, HasSubstr("damaged at byte"));
    EXPECT_FALSE(std::filesystem::exists(back));
    EXPECT_FALSE(std::filesystem::exists(dir.path() / "back.img.new"));
  }
  // Cut short, or with something behind it.
  for (auto bad : {whole.substr(0, whole.size() - 1), whole + "x", std::string(), std::string("BRIGVOL1")}) {
    std::ofstream(archive, std::ios::binary | std::ios::trunc) << bad;
    EXPECT_FALSE(read_archive(archive, back));
  }
}

TEST_F(Archive, IsGivenUpWhenAsked) {
  std::atomic<bool> cancelled{true};
  auto done = write_archive(file, archive, {0, &cancelled, nullptr});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::cancelled);
  cancelled = false;
  double last = 0;
  ASSERT_TRUE(write_archive(file, archive, {0, &cancelled, [&](double f) { last = f; }}));
  EXPECT_GT(last, 0.7);
}

TEST_F(Archive, OfNothingIsNothing) {
  ASSERT_EQ(::truncate(file.c_str(), 0), 0);
  ASSERT_TRUE(write_archive(file, archive));
  ASSERT_TRUE(read_archive(archive, back));
  EXPECT_EQ(std::filesystem::file_size(back), 0u);
}

}  // namespace
}  // namespace brig::volume
