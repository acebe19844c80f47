#include "core/names.hpp"

#include <gtest/gtest.h>

#include "core/paths.hpp"

namespace brig {
namespace {

TEST(Names, FollowTheRule) {
  EXPECT_TRUE(check_name("name", "fix-2_b"));
  for (std::string_view bad : {"", "-x", "a b", "a/b", "..", "ä", "a\n"})
    EXPECT_FALSE(check_name("name", bad)) << bad;
  EXPECT_FALSE(check_name("name", std::string(65, 'a')));
  auto r = check_name("session name", "a/b");
  EXPECT_NE(r.error().message.find("session name 'a/b'"), std::string::npos);
}

TEST(Names, EnvironmentAndIds) {
  EXPECT_TRUE(check_env_name("env", "PATH_2"));
  EXPECT_FALSE(check_env_name("env", "2X"));
  EXPECT_FALSE(check_env_name("env", "A=B"));
  EXPECT_TRUE(is_session_id("0123456789abcdef"));
  EXPECT_FALSE(is_session_id("0123456789ABCDEF"));
}

TEST(Paths, WithinSeesThroughDots) {
  EXPECT_TRUE(is_within("/a/b", "/a"));
  EXPECT_TRUE(is_within("/a", "/a/"));
  EXPECT_TRUE(is_within("/a/x/../b", "/a/b"));
  EXPECT_FALSE(is_within("/ab", "/a"));
  EXPECT_FALSE(is_within("/a/../b", "/a"));
  EXPECT_TRUE(is_within("/anything", "/"));
}

}  // namespace
}  // namespace brig
