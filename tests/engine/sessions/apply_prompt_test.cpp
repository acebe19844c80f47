// A person at a terminal who takes a session's changes over, is asked about what stands in the way, and goes
// back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "brig_process.hpp"
#include "brigd.hpp"
#include "core/files.hpp"

namespace brig::test {
namespace {

namespace fs = std::filesystem;
using cli::test::BrigOptions;
using cli::test::BrigProcess;
using testing::HasSubstr;
using testing::Not;

class ApplyPrompt : public testing::Test {
 protected:
  // What the agent did, and what somebody on the host did meanwhile.
  void SetUp() override {
    project = brigd.project("app");
    for (const char* name : {"kept", "taken", "left"}) put_file(project / name, "old\n");
    auto done =
        brigd.brig({"run", "box", "--name", "fix", "--project", project, "--", "sh", "-ec",
                    "cd /workspace; for f in kept taken left; do echo by the agent > $f; done; "
                    "mkdir .vscode; echo {} > .vscode/tasks.json; echo evil > .envrc; echo new > new"});
    ASSERT_EQ(done.code, 0) << done.err;
    for (const char* name : {"kept", "taken"}) put_file(project / name, "by a person\n");
  }
  BrigProcess brig(std::vector<std::string> words) {
    BrigOptions options;
    options.terminal = true;
    options.environment["NO_COLOR"] = "1";
    return BrigProcess("unix://" + brigd.socket().string(), std::move(words), options);
  }
  std::string text(const char* name) {
    auto text = read_file(project / name, 100);
    return text ? *text : "none";
  }

  Brigd brigd;
  fs::path project;
};

TEST_F(ApplyPrompt, ChoosesForEachFileAndTakesItBack) {
  auto apply = brig({"apply", "fix"});
  ASSERT_TRUE(apply.wait_output("Apply this to the project? [y/N/d]"));
  apply.write("y\n");
  ASSERT_TRUE(apply.wait_output("kept: changed on the host since the session began"));
  ASSERT_TRUE(apply.wait_output("[q] apply nothing ?"));
  apply.write("d\n");
  ASSERT_TRUE(apply.wait_output("-by a person"));
  ASSERT_TRUE(apply.wait_output("+by the agent"));
  ASSERT_TRUE(apply.wait_output("[q] apply nothing ?"));
  apply.write("h\n");
  ASSERT_TRUE(apply.wait_output("taken: changed on the host since the session began"));
  ASSERT_TRUE(apply.wait_output("[q] apply nothing ?"));
  apply.write("s\n");
  ASSERT_TRUE(apply.wait_output(".envrc: "));
  ASSERT_TRUE(apply.wait_output("[q] apply nothing ?"));
  EXPECT_EQ(text("left"), "old\n") << "nothing is applied before all is decided";
  apply.write("h\n");
  ASSERT_TRUE(apply.wait_output(".vscode/tasks.json: "));
  ASSERT_TRUE(apply.wait_output("[q] apply nothing ?"));
  apply.write("a\n");
  ASSERT_TRUE(apply.wait_output("applied 5 changes"));
  EXPECT_EQ(apply.wait(), 0);
  EXPECT_EQ(text("kept"), "by a person\n");
  EXPECT_EQ(text("taken"), "by the agent\n");
  EXPECT_EQ(text("left"), "by the agent\n");
  EXPECT_EQ(text("new"), "new\n");
  EXPECT_EQ(text(".envrc"), "none");
  EXPECT_EQ(text(".vscode/tasks.json"), "{}\n");

  auto no = brig({"undo", "fix"});
  ASSERT_TRUE(no.wait_output("Undo the last apply of fix? [y/N]"));
  no.write("\n");
  EXPECT_EQ(no.wait(), 0);
  EXPECT_EQ(text("new"), "new\n");
  put_file(project / "left", "a person again\n");
  auto refused = brigd.brig({"undo", "fix", "-y"});
  EXPECT_EQ(refused.code, 73);
  EXPECT_THAT(refused.err, HasSubstr("left: changed since it was applied"));
  EXPECT_EQ(text("new"), "new\n");
  auto undone = brigd.brig({"undo", "fix", "-y", "--skip", "left"});
  EXPECT_EQ(undone.code, 0) << undone.err;
  EXPECT_EQ(text("kept"), "by a person\n");
  EXPECT_EQ(text("taken"), "by a person\n");
  EXPECT_EQ(text("left"), "a person again\n");
  EXPECT_EQ(text("new"), "none");
  EXPECT_FALSE(fs::exists(project / ".vscode"));
}

TEST_F(ApplyPrompt, WhoGivesUpChangesNothing) {
  auto apply = brig({"apply", "fix"});
  ASSERT_TRUE(apply.wait_output("Apply this to the project? [y/N/d]"));
  apply.write("y\n");
  ASSERT_TRUE(apply.wait_output("[q] apply nothing ?"));
  apply.write("q\n");
  EXPECT_EQ(apply.wait(), 73);
  auto without = brigd.brig({"apply", "fix", "-y"});
  EXPECT_EQ(without.code, 73);
  EXPECT_THAT(without.err, HasSubstr("kept: changed on the host"));
  EXPECT_THAT(without.err, HasSubstr("--overwrite PATH"));
  EXPECT_EQ(text("left"), "old\n");
  EXPECT_EQ(text("new"), "none");
  EXPECT_EQ(brigd.brig({"undo", "fix", "-y"}).code, 73) << "there is nothing to undo";
}

}  // namespace
}  // namespace brig::test
