#include "vault/seal.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "../store/temp_dir.hpp"

namespace brig::vault {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string content(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class Sealing : public ::testing::Test {
 protected:
  SealingKey key() {
    auto made = SealingKey::make(dir / "vault.key");
    if (!made) throw std::runtime_error(made.error().message);
    return std::move(*made);
  }
  store::TempDir dir;
  Scope alice{"alice", ""};
};

TEST_F(Sealing, OpensWhatItSealed) {
  auto one = key();
  for (auto size : {0, 1, 63, 64, 65, 16384}) {
    std::string text(static_cast<std::size_t>(size), 'x');
    auto sealed = one.seal(alice, "KEY", Secret(text));
    auto opened = one.open(alice, "KEY", sealed);
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ(opened->reveal(), text);
  }
}

TEST_F(Sealing, ShowsNothingOfTheValueAndNeverSealsAlike) {
  auto one = key();
  auto first = one.seal(alice, "KEY", Secret("sk-real-0123456789")),
       second = one.seal(alice, "KEY", Secret("sk-real-0123456789"));
  EXPECT_NE(first, second);
  EXPECT_THAT(std::string(first.begin(), first.end()), Not(HasSubstr("sk-real")));
}

TEST_F(Sealing, BindsAValueToItsPlace) {
  auto one = key();
  auto sealed = one.seal({"alice", "acme"}, "KEY", Secret("sk-real"));
  const std::pair<Scope, const char*> others[] = {{{"bob", "acme"}, "KEY"},
                                                  {{"alice", ""}, "KEY"},
                                                  {{"alice", "acme"}, "OTHER"},
                                                  {{"aliceacme", ""}, "KEY"},
                                                  {{"alicea", "cme"}, "KEY"}};
  for (const auto& [scope, name] : others) {
    auto opened = one.open(scope, name, sealed);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Code::corrupt);
    EXPECT_THAT(opened.error().message, HasSubstr("brig vault set"));
    EXPECT_THAT(opened.error().message, Not(HasSubstr("sk-real")));
  }
}

TEST_F(Sealing, RefusesEveryChangedByte) {
  auto one = key();
  auto sealed = one.seal(alice, "KEY", Secret("value"));
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    auto changed = sealed;
    changed[i] ^= 1;
    EXPECT_FALSE(one.open(alice, "KEY", changed)) << i;
    EXPECT_FALSE(one.open(alice, "KEY", Sealed(sealed.begin(), sealed.begin() + static_cast<long>(i)))) << i;
  }
}

TEST_F(Sealing, KeepsItsKeyInAFileOfItsOwn) {
  auto sealed = key().seal(alice, "KEY", Secret("value"));
  struct stat is {};
  ASSERT_EQ(::stat((dir / "vault.key").c_str(), &is), 0);
  EXPECT_EQ(is.st_mode & 0777, 0600u);
  EXPECT_EQ(is.st_size, 32);
  auto before = content(dir / "vault.key");
  auto again = key();  // made again: the same
  EXPECT_EQ(content(dir / "vault.key"), before);
  ASSERT_TRUE(again.open(alice, "KEY", sealed));
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir / "")) files += entry.is_regular_file();
  EXPECT_EQ(files, 1u);
}

TEST_F(Sealing, RefusesAKeyThatOthersCouldRead) {
  (void)key();
  auto file = dir / "vault.key";
  ASSERT_EQ(::chmod(file.c_str(), 0640), 0);
  auto loose = SealingKey::load(file);
  ASSERT_FALSE(loose);
  EXPECT_THAT(loose.error().message, HasSubstr("0600"));
  ASSERT_EQ(::chmod(file.c_str(), 0600), 0);
  ASSERT_EQ(::truncate(file.c_str(), 31), 0);
  EXPECT_FALSE(SealingKey::load(file));
  ASSERT_EQ(::unlink(file.c_str()), 0);
  ASSERT_EQ(::symlink("/dev/zero", file.c_str()), 0);
  EXPECT_FALSE(SealingKey::load(file));
  ASSERT_EQ(::unlink(file.c_str()), 0);
  auto none = SealingKey::load(file);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::not_found);
}

}  // namespace
}  // namespace brig::vault
