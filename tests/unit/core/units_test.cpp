#include "core/units.hpp"

#include <gtest/gtest.h>

namespace brig {
namespace {

TEST(Size, TakesEveryUsualSpelling) {
  for (auto [text, bytes] :
       std::initializer_list<std::pair<const char*, std::uint64_t>>{{"0", 0},
                                                                    {"512", 512},
                                                                    {"512b", 512},
                                                                    {"1k", 1024},
                                                                    {"1KiB", 1024},
                                                                    {"20kB", 20480},
                                                                    {"512M", 512u << 20},
                                                                    {"1.5 GiB", 3u << 29},
                                                                    {"2T", 2ull << 40}}) {
    auto r = parse_size(text);
    ASSERT_TRUE(r) << text;
    EXPECT_EQ(*r, bytes) << text;
  }
}

TEST(Size, RefusesTheRestAndSaysWhatItTakes) {
  for (const char* text :
       {"", "M", "-1", "1e3", "inf", "nan", "1.2.3", "5 apples", "0x10", "99999999999999999999T", "1 M x"}) {
    auto r = parse_size(text);
    ASSERT_FALSE(r) << text;
    EXPECT_EQ(r.error().code, Code::invalid);
    EXPECT_NE(r.error().message.find("512M"), std::string::npos);
  }
}

TEST(Duration, TakesEveryUsualSpelling) {
  for (auto [text, ms] : std::initializer_list<std::pair<const char*, long>>{{"90", 90'000},
                                                                             {"90s", 90'000},
                                                                             {"1h30m", 5'400'000},
                                                                             {"500ms", 500},
                                                                             {"7d", 604'800'000},
                                                                             {"1.5h", 5'400'000}}) {
    auto r = parse_duration(text);
    ASSERT_TRUE(r) << text;
    EXPECT_EQ(r->count(), ms) << text;
  }
  for (const char* text : {"", "s", "1x", "-5s", "1h 30m", "5s3", "101w1000000w"})
    EXPECT_FALSE(parse_duration(text)) << text;
}

TEST(Format, IsForPeople) {
  EXPECT_EQ(format_size(0), "0 B");
  EXPECT_EQ(format_size(1536), "1.5 KiB");
  EXPECT_EQ(format_duration(Millis(65'000)), "1m 5s");
  EXPECT_EQ(format_time(WallTime(Millis(0))), "1970-01-01T00:00:00.000Z");
}

}  // namespace
}  // namespace brig
