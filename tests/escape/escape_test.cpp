// Attempts to get out of real sandboxes, under every runtime; tests/README.md says how they are made and
// judged.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "core/files.hpp"
#include "core/text.hpp"
#include "world/world.hpp"

namespace brig::escape {
namespace {

struct Listed {
  std::string id, sandbox, proof, twin, reason, not_gvisor;
};

std::vector<Listed> listed() {
  auto done = harness::run({AGENT_PROGRAM, "list"});
  EXPECT_TRUE(done);
  std::vector<Listed> out;
  for (auto line : split(done->out, '\n')) {
    auto fields = split(line, '\t');
    if (fields.size() == 6)
      out.push_back({std::string(fields[0]), std::string(fields[1]), std::string(fields[2]),
                     std::string(fields[3]), std::string(fields[4]), std::string(fields[5])});
  }
  return out;
}

// One world for all runtimes: what was left by one would show in the next.
class Escape : public testing::TestWithParam<const char*> {
 protected:
  static void SetUpTestSuite() { world_ = new World; }
  static void TearDownTestSuite() {
    delete world_;
    world_ = nullptr;
  }
  static World* world_;
};
World* Escape::world_ = nullptr;

// Everything that is tried from inside.
TEST_P(Escape, NothingGetsOut) {
  auto& world = *world_;
  auto all = listed();
  if (GetParam() == std::string("runsc"))
    std::erase_if(all, [](const auto& attempt) { return !attempt.not_gvisor.empty(); });
  std::erase_if(all, [](const auto& attempt) { return attempt.sandbox == "glutton"; });
  ASSERT_GE(all.size(), 120u);
  world.start_three(GetParam());
  (void)world.outside.strays();
  auto looked_up = world.outside.lookups().size();

  std::map<std::string, Made> made;
  std::map<std::string, std::map<std::string, std::size_t>> asked;
  for (const char* sandbox : {"narrow", "wide"}) {
    for (auto& one : world.agent(sandbox, {"try", sandbox}, GetParam())) {
      for (const auto& what : one.asked) ++asked[sandbox][what];
      made[one.id] = one;
    }
    EXPECT_THAT(world.outside.strays(), testing::IsEmpty()) << "from " << sandbox;
  }
  std::size_t escapes = 0;
  for (const auto& attempt : all) {
    const auto& one = made[attempt.id];
    bool held = one.became == "refused" || one.became == "absent";
    if (!held) ++escapes;
    EXPECT_TRUE(held) << attempt.id << ": " << one.became << ": " << one.how << "\n  must fail, since "
                      << attempt.reason;
  }
  // What brigd was asked for, it has written down; and of what it had to refuse, it looked nothing up.
  for (const auto& [sandbox, targets] : asked) {
    auto written = world.denials(sandbox);
    for (const auto& [target, times] : targets)
      EXPECT_GE(written[target], times)
          << target << " was asked for by " << sandbox << ", and the account lacks it";
  }
  auto names = world.outside.lookups();
  for (std::size_t i = looked_up; i < names.size(); ++i)
    EXPECT_THAT(names[i], testing::Not(testing::EndsWith("evil.test"))) << "a secret travels in a name";
  auto project = read_file(world.project() / "project", 1000);
  EXPECT_TRUE(project && *project == kProject) << "the host's tree was written";
  std::printf("%s: %zu attempts, %zu escapes\n", GetParam(), all.size(), escapes);

  // The instruments work.
  for (const char* sandbox : {"narrow", "wide"})
    for (const auto& twin : world.agent(sandbox, {"prove", sandbox}))
      EXPECT_EQ(twin.became, "escaped") << twin.id << ", where it is allowed: " << twin.how;
  std::vector<std::string> in_neighbour{"only"};
  for (const auto& attempt : all)
    if (attempt.proof == "neighbour") in_neighbour.push_back(attempt.id);
  for (const auto& one : world.agent("neighbour", in_neighbour))
    EXPECT_EQ(one.became, "escaped") << one.id << ", where it is at home: " << one.how;
  (void)world.outside.strays();
  for (const char* name : {"narrow", "wide", "neighbour"}) world.remove(name);
}
// Whoever takes all there is comes to an end of it, and nobody else notices.
TEST_P(Escape, WhoeverTakesAllHarmsNobodyElse) {
  auto& world = *world_;
  world.start("quiet", GetParam(), {});
  std::size_t made = 0, escapes = 0;
  bool stands = false;
  for (const auto& attempt : listed()) {
    if (attempt.sandbox != "glutton") continue;
    if (!stands && !world.start_glutton(GetParam())) return;
    auto lines = world.agent("glutton", {"only", attempt.id}, GetParam(), true);
    ++made;
    // No line: the whole sandbox came to its end before the agent could speak. That is its own affair.
    bool held = lines.empty() || lines[0].became == "refused";
    escapes += !held;
    EXPECT_TRUE(held) << attempt.id << ": " << lines[0].became << ": " << lines[0].how
                      << "\n  must fail, since " << attempt.reason;
    EXPECT_TRUE(world.brigd.ready()) << "after " << attempt.id;
    auto other = world.brigd.brig(
        {"exec", "-n", "quiet", "--", "sh", "-c", "echo x > /workspace/x && cat /workspace/x"});
    EXPECT_EQ(other.out, "x\n") << "after " << attempt.id << ": " << other.err;
    auto again = world.brigd.brig({"exec", "-n", "glutton", "--", "true"});
    stands = again.code == 0;
    if (!stands) world.remove("glutton");
  }
  if (stands) world.remove("glutton");
  world.remove("quiet");
  EXPECT_GE(made, 10u);
  std::printf("%s: %zu attempts to take all, %zu escapes\n", GetParam(), made, escapes);
}

INSTANTIATE_TEST_SUITE_P(Under, Escape, testing::Values("runc", "crun", "runsc"),
                         [](const auto& info) { return std::string(info.param); });

// Out of a sandbox the very same attempts succeed, or are about something that this machine has not got.
TEST(Instruments, SucceedWhereNothingHolds) {
  World world;
  std::vector<std::string> ids{"only"};
  for (const auto& attempt : listed())
    if (attempt.proof == "host") ids.push_back(attempt.id);
  std::size_t lacking = 0;
  std::set<std::string> seen;
  for (const auto& one : world.agent_on_host(ids)) {
    seen.insert(one.id);
    lacking += one.became == "absent";
    EXPECT_TRUE(one.became == "escaped" || one.became == "absent")
        << one.id << ": " << one.became << ": " << one.how;
  }
  EXPECT_EQ(seen.size() + 1, ids.size());
  EXPECT_LT(lacking * 10, ids.size());
  auto strays = world.outside.strays();
  for (const char* seen_by_tap :
       {"to 169.254.169.254 port 80", "to 2001:db8::1", "to 224.0.0.251", "to 255.255.255.255"})
    EXPECT_THAT(strays, testing::Contains(testing::HasSubstr(seen_by_tap)));
}

}  // namespace
}  // namespace brig::escape
