#include "core/text.hpp"

#include <gtest/gtest.h>

#include <array>

namespace brig {
namespace {

TEST(Utf8, KnowsTheIllFormed) {
  EXPECT_TRUE(is_utf8("plain"));
  EXPECT_TRUE(is_utf8("žluťoučký 🐎"));
  EXPECT_FALSE(is_utf8("\xC0\xAF"));          // overlong '/'
  EXPECT_FALSE(is_utf8("\xED\xA0\x80"));      // surrogate
  EXPECT_FALSE(is_utf8("\xF4\x90\x80\x80"));  // beyond the last code point
  EXPECT_FALSE(is_utf8("abc\xE2\x82"));       // cut off
}

TEST(Printable, DisarmsTerminalsAndJson) {
  EXPECT_EQ(printable("a\x1b[31mb"), "a\\x1b[31mb");
  EXPECT_EQ(printable("\xff"), "\\xff");
  EXPECT_EQ(printable("\xE2\x80\xAE"
                      "abc"),
            "\\xe2\\x80\\xaeabc");  // right-to-left override
  EXPECT_TRUE(is_utf8(printable(std::string("\0\xfe\x80", 3))));
  for (const char* unseen : {"\u00AD", "\u200B", "\u200F", "\u2028", "\u2060", "\uFEFF", "\U000E0041"})
    EXPECT_TRUE(printable(unseen).starts_with("\\x")) << printable(unseen);
  for (const char* seen :
       {"\u00A0", "\u00AE", "\u2010", "\u2026", "\u2070", "\uFE0F", "\uFF0B", "\U0001F600"})
    EXPECT_EQ(printable(seen), seen);
}

TEST(Printable, IsBounded) {
  EXPECT_LE(printable(std::string(5000, 'x'), 100).size(), 104u);
}

TEST(Nearest, FindsTheTypo) {
  constexpr std::array<std::string_view, 3> known = {"memory", "cpus", "runtime"};
  EXPECT_EQ(nearest("memroy", known), "memory");
  EXPECT_EQ(nearest("cpu", known), "cpus");
  EXPECT_EQ(nearest("zzzzzz", known), "");
  EXPECT_EQ(did_you_mean("runtim", known), " (did you mean 'runtime'?)");
}

}  // namespace
}  // namespace brig
