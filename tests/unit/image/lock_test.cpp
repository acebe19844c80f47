#include "image/lock.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/files.hpp"
#include "image/npm.hpp"

namespace brig::image {
namespace {

using testing::HasSubstr;

TEST(Lock, TheOneInTheRepositoryIsRead) {
  auto text = read_file(BRIG_SOURCE_DIR "/images/versions.lock", 1 << 20);
  ASSERT_TRUE(text) << text.error().message;
  auto pins = parse_lock(*text, "versions.lock");
  ASSERT_TRUE(pins) << pins.error().message;
  EXPECT_GT(pins->size(), 5u);
  for (const auto& pin : *pins) EXPECT_TRUE(pin.integrity.starts_with("sha512-")) << pin.name;
}

TEST(Lock, WhatCouldBecomeAnOptionOfNpmIsRefused) {
  auto entry = [](const std::string& name, const std::string& version) {
    auto parsed =
        parse_lock("format = 1\npackages = [\n { id = \"x\", arch = \"any\", name = \"" + name +
                       "\", version = \"" + version + "\", track = \"latest\", integrity = \"\" },\n]\n",
                   "lock");
    return parsed ? "" : parsed.error().message;
  };
  EXPECT_EQ(entry("@scope/name", "1.2.3-linux-x64"), "");
  EXPECT_THAT(entry("--prefix", "1"), HasSubstr("lock:3: packages[0].name is '--prefix'"));
  EXPECT_THAT(entry("a b", "1"), HasSubstr("name is"));
  EXPECT_THAT(entry("a", "^1 || 2"), HasSubstr("version is"));
  EXPECT_THAT(parse_lock("format = 1\npackages = [{ id = \"x\" }]\n", "lock").error().message,
              HasSubstr("arch is missing"));
  EXPECT_THAT(parse_lock("packages = []\n", "lock").error().message, HasSubstr("format is missing"));
}

TEST(Lock, VersionsCompareByTheirNumbers) {
  EXPECT_TRUE(is_newer("1.10.0", "1.9.9"));
  EXPECT_TRUE(is_newer("2.0.0-linux-x64", "1.9.9-linux-x64"));
  EXPECT_FALSE(is_newer("1.2.3", "1.2.3"));
  EXPECT_FALSE(is_newer("1.2.3-beta", "1.2.3"));
  EXPECT_FALSE(is_newer("nonsense", "1"));
  EXPECT_EQ(platform_suffix("0.1.2-linux-x64"), "-linux-x64");
  EXPECT_EQ(platform_suffix("0.1.2"), "");
}

TEST(Npm, TheNewestOfWhatItAnswers) {
  EXPECT_EQ(newest_version("\"1.2.3\"\n"), "1.2.3");
  EXPECT_EQ(newest_version(R"(["22.1.0", "22.10.0", "22.9.1"])"), "22.10.0");
  EXPECT_FALSE(newest_version(""));
  EXPECT_FALSE(newest_version("{\"error\":{}}"));
  EXPECT_FALSE(newest_version("[1, null]"));
}

}  // namespace
}  // namespace brig::image
