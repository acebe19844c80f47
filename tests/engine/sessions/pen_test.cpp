// Several people attached to one process: one writes, the others watch. Real terminals, real brigd.
#include <gtest/gtest.h>
#include <signal.h>

#include <memory>

#include "brig_process.hpp"
#include "brigd.hpp"

namespace brig::test {
namespace {

using cli::test::BrigOptions;
using cli::test::BrigProcess;

constexpr const char* kTakeOver = "\x10\x14";
constexpr const char* kLeave = "\x10\x11";

class Pens : public testing::Test {
 protected:
  // Says back each line it gets, and how large it thinks its terminal is.
  void SetUp() override {
    auto started =
        brigd.brig({"run", "box", "--name", "fix", "--empty", "-d", "-t", "--", "sh", "-c",
                    "stty -echo; echo ready; while read -r l; do echo \"<$l $(stty size)>\"; done"});
    ASSERT_EQ(started.code, 0) << started.err;
  }
  std::unique_ptr<BrigProcess> attach(std::vector<std::string> more = {}) {
    more.insert(more.begin(), "attach");
    more.push_back("fix");
    BrigOptions options;
    options.terminal = true;
    auto out = std::make_unique<BrigProcess>("unix://" + brigd.socket().string(), std::move(more), options);
    EXPECT_TRUE(out->wait_output("ready"));
    return out;
  }
  // Everything the process has said to the lines it got.
  std::string heard() {
    std::string all = brigd.brig({"logs", "fix"}).out, out;
    for (auto at = all.find('<'); at != std::string::npos; at = all.find('<', at + 1))
      out += all.substr(at + 1, all.find(' ', at) - at - 1) + " ";
    return out;
  }
  Brigd brigd;
};

TEST_F(Pens, OneWritesTheOthersWatchUntilTheyTakeOver) {
  auto ann = attach();
  ann->write("one\n");
  ASSERT_TRUE(ann->wait_output("<one 30 100>"));
  auto bob = attach();
  ASSERT_TRUE(bob->wait_output("has the pen; you watch"));
  bob->write("stray\n");
  ASSERT_TRUE(bob->wait_output("\a"));
  bob->resize(50, 200);
  ann->write("two\n");
  ASSERT_TRUE(ann->wait_output("<two 30 100>"));
  ASSERT_TRUE(bob->wait_output("<two 30 100>"));
  bob->write(kTakeOver);
  ASSERT_TRUE(bob->wait_output("you have the pen"));
  ASSERT_TRUE(ann->wait_output("has taken over; you watch"));
  bob->write("three\n");
  ASSERT_TRUE(bob->wait_output("<three 50 200>"));
  ASSERT_TRUE(ann->wait_output("<three 50 200>"));
  ann->write("late\n");
  ASSERT_TRUE(ann->wait_output("\a"));
  ann->resize(10, 20);
  bob->write("four\n");
  ASSERT_TRUE(bob->wait_output("<four 50 200>"));
  // Whoever leaves in good order frees it at once.
  bob->write(kLeave);
  EXPECT_EQ(bob->wait(), 0);
  auto cleo = attach();
  cleo->write("five\n");
  ASSERT_TRUE(cleo->wait_output("<five 30 100>"));
  EXPECT_EQ(heard(), "one two three four five ");
  ann->write("\x03");  // a watcher's ctrl-c is its own
  EXPECT_EQ(ann->wait(), 0);
  cleo->write("\x04");
  EXPECT_EQ(cleo->wait(), 0);
}

TEST_F(Pens, SurviveARestartOfTheService) {
  auto ann = attach();
  auto bob = attach({"--watch"});
  ann->write("one\n");
  ASSERT_TRUE(bob->wait_output("<one 30 100>"));
  for (std::string round : {"a", "b"}) {
    brigd.kill_hard();
    ann->write(round + "2\n");  // typed while nobody is there
    brigd.start();
    ASSERT_TRUE(ann->wait_output("<" + round + "2 30 100>"));
    ASSERT_TRUE(bob->wait_output("<" + round + "2 30 100>"));
    bob->write("stray\n");
    ASSERT_TRUE(bob->wait_output("\a"));
    bob->write(kTakeOver);
    ASSERT_TRUE(bob->wait_output("you have the pen"));
    ASSERT_TRUE(ann->wait_output("has taken over"));
    bob->write(round + "3\n");
    ASSERT_TRUE(ann->wait_output("<" + round + "3 30 100>"));
    std::swap(ann, bob);
  }
  EXPECT_EQ(heard(), "one a2 a3 b2 b3 ");
}

TEST_F(Pens, IsKeptForOneWhoVanishes) {
  auto ann = attach();
  ann->write("one\n");
  ASSERT_TRUE(ann->wait_output("<one 30 100>"));
  ::kill(ann->pid(), SIGKILL);
  EXPECT_EQ(ann->wait(), -SIGKILL);
  auto bob = attach({"--take-over"});
  bob->write("two\n");
  ASSERT_TRUE(bob->wait_output("<two 30 100>"));
  // A pipe that would write into nothing is told so.
  auto piped = brigd.brig({"attach", "fix"}, "three\n");
  EXPECT_EQ(piped.code, 77) << piped.err;
  EXPECT_NE(piped.err.find("has the pen"), std::string::npos) << piped.err;
  EXPECT_EQ(heard(), "one two ");
  // What has ended is read by anybody, also while the pen is kept.
  ::kill(bob->pid(), SIGKILL);
  EXPECT_EQ(bob->wait(), -SIGKILL);
  ASSERT_EQ(brigd.brig({"stop", "--grace", "0s", "fix"}).code, 0);
  auto late = brigd.brig({"attach", "fix", "--from", "start"}, "four\n");
  EXPECT_NE(late.out.find("<two"), std::string::npos) << late.out << late.err;
  EXPECT_EQ(late.code, 137) << late.err;
}

}  // namespace
}  // namespace brig::test
