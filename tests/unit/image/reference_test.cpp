// What people call images.
#include "image/reference.hpp"

#include <gtest/gtest.h>

namespace brig::image {
namespace {

TEST(References, SayTheirRegistry) {
  for (const char* name :
       {"busybox", "busybox:1", "team/server", "team/server@sha256:01", "docker.io/team/server"})
    EXPECT_EQ(registry_of(name), "docker.io") << name;
  EXPECT_EQ(registry_of("localhost/server"), "localhost");
  EXPECT_EQ(registry_of("HOST/team/server"), "HOST");  // engines take no namespace for what is not lower case
  EXPECT_EQ(registry_of("registry:5000/team/server:2"), "registry:5000");
  EXPECT_EQ(registry_of("registry.example.com/server@sha256:01"), "registry.example.com");
}

TEST(References, SayTheirRepository) {
  EXPECT_EQ(repository_of("busybox"), "busybox");
  EXPECT_EQ(repository_of("busybox:1"), "busybox");
  EXPECT_EQ(repository_of("registry:5000/a/b"), "registry:5000/a/b");
  EXPECT_EQ(repository_of("registry:5000/a/b:2"), "registry:5000/a/b");
  EXPECT_EQ(repository_of("registry:5000/a/b:2@sha256:01"), "registry:5000/a/b");
}

}  // namespace
}  // namespace brig::image
