#include "docker/request.hpp"

#include <gtest/gtest.h>

namespace brig::docker {
namespace {

TEST(Request, EscapesQueries) {
  Query query("/x");
  query.add("a", "b c&d=é").flag("no", false).flag("yes", true).some("empty", "");
  EXPECT_EQ(std::move(query).str(), "/x?a=b%20c%26d%3D%C3%A9&yes=1");
  Query filtered("/x");
  filtered.filters({{"label", {"a=b"}}, {"name", {}}});
  EXPECT_EQ(std::move(filtered).str(), "/x?filters=%7B%22label%22%3A%5B%22a%3Db%22%5D%7D");
  Query none("/x");
  none.filters({{"label", {}}});
  EXPECT_EQ(std::move(none).str(), "/x");
}

TEST(Request, ChecksReferences) {
  for (std::string good : {"a", "web-1", "0f3a", "x_y.z"}) EXPECT_TRUE(check_ref("container", good)) << good;
  for (std::string bad : {"", ".", "..", "a/b", "a?b", "a#b", "a b", "-a", "a%2f", "a\n", "ü"}) {
    EXPECT_FALSE(check_ref("container", bad)) << bad;
  }
  for (std::string good : {"busybox", "busybox:1.36", "host:5000/a/b:tag", "sha256:abc", "a@sha256:abc"}) {
    EXPECT_TRUE(check_image_ref(good)) << good;
  }
  for (std::string bad : {"", "/a", "a//b", "a/../b", "../a", "a/..", "a?b", "a/./b", "a b", "a#", "a/"}) {
    EXPECT_FALSE(check_image_ref(bad)) << bad;
  }
}

}  // namespace
}  // namespace brig::docker
