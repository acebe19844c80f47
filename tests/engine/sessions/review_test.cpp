// What a session changed, as a person sees it and takes it over.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "brigd.hpp"
#include "core/files.hpp"

namespace brig::test {
namespace {

namespace fs = std::filesystem;

class Review : public testing::Test {
 protected:
  // A session that has run `script` in its workspace and ended.
  void run(const std::string& name, const fs::path& project, const std::string& script) {
    auto done = brigd.brig(
        {"run", "box", "--name", name, "--project", project, "--", "sh", "-ec", "cd /workspace; " + script});
    ASSERT_EQ(done.code, 0) << done.err;
  }
  Brigd brigd;
};

TEST_F(Review, DiffOfARunningAndOfAnEndedSession) {
  auto project = brigd.project("app");
  put_file(project / "app.py", "print(\"hello\")\n");
  put_file(project / "gone", "x\n");
  auto started = brigd.brig({"run", "box", "--name", "fix", "--project", project, "-d", "--", "sh", "-c",
                             "cd /workspace; echo 'print(1)' > app.py; rm gone; echo ready; sleep 1000"});
  ASSERT_EQ(started.code, 0) << started.err;
  ASSERT_TRUE(eventually(
      [&] {
        return brigd.brig({"logs", "fix"}).out == "ready\n";
      },
      "the agent to be done"));
  auto running = brigd.brig({"diff", "fix"});
  EXPECT_EQ(running.code, 0) << running.err;
  EXPECT_EQ(
      running.out,
      "diff --git a/app.py b/app.py\n--- a/app.py\n+++ b/app.py\n@@ -1 +1 @@\n-print(\"hello\")\n+print(1)\n"
      "diff --git a/gone b/gone\ndeleted file mode 100644\n--- a/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n");
  EXPECT_EQ(brigd.brig({"stop", "--grace", "0", "fix"}).code, 0);
  EXPECT_EQ(brigd.brig({"diff", "fix"}).out, running.out);
  EXPECT_EQ(brigd.brig({"diff", "fix", "gone", "--summary"}).out, "deleted   gone\n");
  EXPECT_EQ(brigd.brig({"diff", "nobody"}).code, 66);
  auto json = nlohmann::json::parse(brigd.brig({"diff", "fix", "--json"}).out);
  EXPECT_EQ(json["changes"].size(), 2u);
}

}  // namespace
}  // namespace brig::test
