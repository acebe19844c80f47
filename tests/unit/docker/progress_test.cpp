#include "docker/progress.hpp"

#include <gtest/gtest.h>

namespace brig::docker {
namespace {

TEST(Progress, IsTold) {
  std::vector<Progress> told;
  ProgressReader reader("pull image 'x'", [&told](const Progress& p) { told.push_back(p); });
  ASSERT_TRUE(reader.feed(
      R"({"status":"Downloading","id":"abc","progressDetail":{"current":5,"total":9}})"
      "\n{\"stream\":\"Step 1/2 : FROM x\\n\"}\n{\"stream\":\"a\\nb\\u001b[0m\\n\"}\n{\"stream\":\"\\n\"}\n"
      R"({"aux":{"ID":"sha256:12"}})"));
  ASSERT_TRUE(reader.result());
  ASSERT_EQ(told.size(), 4u);
  EXPECT_EQ(told[0].status, "Downloading");
  EXPECT_EQ(told[0].current, 5u);
  EXPECT_EQ(told[0].total, 9u);
  EXPECT_EQ(told[1].status, "Step 1/2 : FROM x");
  EXPECT_EQ(told[2].text, "a\nb\\x1b[0m\n");
  EXPECT_EQ(reader.image_id(), "sha256:12");
}

TEST(Progress, ErrorsCarryTheLastLines) {
  ProgressReader reader("build image 'x'", {});
  for (int i = 0; i < 50; ++i)
    ASSERT_TRUE(reader.feed("{\"stream\":\"line " + std::to_string(i) + "\\n\"}\n"));
  ASSERT_TRUE(
      reader.feed(R"({"errorDetail":{"code":1,"message":"returned a non-zero code: 1"},"error":"e"})"));
  auto r = reader.result();
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, Code::invalid);
  EXPECT_NE(r.error().message.find("returned a non-zero code: 1; its last output: line 40 | "),
            std::string::npos)
      << r.error().message;
  EXPECT_TRUE(r.error().message.ends_with("line 49"));
}

TEST(Progress, NonsenseIsAnError) {
  ProgressReader garbage("x", {});
  EXPECT_FALSE(garbage.feed("<html>\n"));
  ProgressReader cut("x", {});
  EXPECT_TRUE(cut.feed(R"({"stream":"half)"));
  EXPECT_FALSE(cut.result());
  ProgressReader odd("x", [](const Progress&) {});
  EXPECT_TRUE(odd.feed(
      "[]\n7\n{\"stream\":{},\"status\":[],\"aux\":1,\"errorDetail\":2,\"progressDetail\":\"x\"}\n"));
  EXPECT_TRUE(odd.result());
}

}  // namespace
}  // namespace brig::docker
