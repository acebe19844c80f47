#include "core/base64.hpp"

#include <gtest/gtest.h>

namespace brig {
namespace {

TEST(Base64, RoundTrip) {
  for (std::string s : {"", "a", "ab", "abc", "abcd", "\xff\xfe\xfd"}) {
    EXPECT_EQ(decode_base64(base64url(s)), s);
    EXPECT_EQ(decode_base64(base64(s)), s);
    EXPECT_EQ(decode_base64(base64(s), Base64::standard), s);
    EXPECT_EQ(base64(s).size() % 4, 0u);
  }
  EXPECT_EQ(base64url("\xff\xef\xbe"), "_---");
  EXPECT_EQ(base64("\xff\xef\xbe"), "/+++");
  EXPECT_EQ(base64("ab"), "YWI=");
}

TEST(Base64, TakesEitherAlphabetUnlessToldOtherwise) {
  EXPECT_EQ(decode_base64("+/+/"), decode_base64("-_-_"));
  EXPECT_EQ(decode_base64("YWI"), "ab");
  EXPECT_FALSE(decode_base64("a"));
  EXPECT_FALSE(decode_base64("a b="));
  for (const char* bad : {"-_-_", "YWI", "YQ", "====", "YWI==", "a b=", "YW=I", "YQ=a"})
    EXPECT_FALSE(decode_base64(bad, Base64::standard)) << bad;
}

}  // namespace
}  // namespace brig
