#include "session/records.hpp"

#include <gtest/gtest.h>

namespace brig::session {
namespace {

TEST(Records, OutcomesComeBackAsTheyWere) {
  for (auto kind :
       {Outcome::Kind::exited, Outcome::Kind::signaled, Outcome::Kind::spawn_failed,
        Outcome::Kind::out_of_memory, Outcome::Kind::stopped, Outcome::Kind::failed, Outcome::Kind::lost}) {
    Outcome outcome{kind, 3, 9, "why \"so\""};
    auto back = outcome_from_json(outcome_to_json(outcome));
    ASSERT_TRUE(back) << to_string(kind);
    EXPECT_EQ(back->kind, kind);
    EXPECT_EQ(back->code, 3);
    EXPECT_EQ(back->signal, 9);
    EXPECT_EQ(back->detail, outcome.detail);
  }
}

TEST(Records, DamageIsNamedNotGuessed) {
  for (const char* text : {"", "null", "{}", "[]", R"({"kind":"sideways"})", R"({"kind":3})", "{\"kind\""}) {
    auto outcome = outcome_from_json(text);
    ASSERT_FALSE(outcome) << text;
    EXPECT_EQ(outcome.error().code, Code::corrupt);
  }
  EXPECT_FALSE(strings_from_json(R"(["a", 1])"));
  EXPECT_FALSE(labels_from_json(R"({"a": 1})"));
  EXPECT_FALSE(labels_from_json("[]"));
}

TEST(Records, ListsAndLabels) {
  std::vector<std::string> argv = {"sh", "-c", "echo \"x\"\n", ""};
  EXPECT_EQ(*strings_from_json(strings_to_json(argv)), argv);
  std::map<std::string, std::string> labels = {{"a", "1"}, {"b", ""}};
  EXPECT_EQ(*labels_from_json(labels_to_json(labels)), labels);
}

TEST(Records, PhasesAreStatesAndRemovingShowsAsEnding) {
  for (auto state : {State::preparing, State::starting, State::running, State::ending, State::ended}) {
    EXPECT_EQ(state_of(to_string(state)), state);
  }
  EXPECT_EQ(state_of(kRemoving), State::ending);
}

TEST(Outcomes, ReadAsAShellWouldSayThem) {
  EXPECT_EQ((Outcome{Outcome::Kind::exited, 3, 0, ""}).exit_code(), 3);
  EXPECT_EQ((Outcome{Outcome::Kind::signaled, 0, 15, ""}).exit_code(), 143);
  EXPECT_EQ((Outcome{Outcome::Kind::out_of_memory, 0, 9, ""}).exit_code(), 137);
  EXPECT_EQ((Outcome{Outcome::Kind::stopped, 0, 9, ""}).exit_code(), 137);
  EXPECT_EQ((Outcome{Outcome::Kind::spawn_failed, 127, 0, ""}).exit_code(), 127);
  EXPECT_EQ((Outcome{Outcome::Kind::lost, 0, 0, ""}).exit_code(), 125);
}

}  // namespace
}  // namespace brig::session
