#include "review/line_diff.hpp"

#include <gmock/gmock.h>

#include <random>
#include <string>

namespace brig::review {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<Edit> diff(const std::string& a, const std::string& b) {
  return diff_lines(lines_of(a), lines_of(b));
}

// The edits rebuild the second text from the first.
std::string rebuilt(const std::string& a, const std::string& b) {
  auto from = lines_of(a), to = lines_of(b);
  std::string out;
  std::size_t at = 0;
  for (const auto& edit : diff_lines(from, to)) {
    for (; at < edit.a_begin; ++at) out += from[at];
    at = edit.a_end;
    for (auto i = edit.b_begin; i < edit.b_end; ++i) out += to[i];
  }
  for (; at < from.size(); ++at) out += from[at];
  return out;
}

TEST(LineDiff, SmallOnes) {
  EXPECT_THAT(diff("", ""), IsEmpty());
  EXPECT_THAT(diff("a\n", "a\n"), IsEmpty());
  EXPECT_THAT(diff("", "a\nb\n"), ElementsAre(Edit{0, 0, 0, 2}));
  EXPECT_THAT(diff("a\nb\n", ""), ElementsAre(Edit{0, 2, 0, 0}));
  EXPECT_THAT(diff("a\nb\nc\n", "a\nx\nc\n"), ElementsAre(Edit{1, 2, 1, 2}));
  EXPECT_THAT(diff("a\nb", "a\nb\n"), ElementsAre(Edit{1, 2, 1, 2})) << "a line end is part of its line";
}

TEST(LineDiff, ABlockThatIsAddedEndsWhereItEnds) {
  EXPECT_THAT(diff("f\n}\n\nend\n", "f\n}\n\ng\n}\n\nend\n"), ElementsAre(Edit{3, 3, 3, 6}));
}

TEST(LineDiff, IsShortestForSmallTexts) {
  std::mt19937 random(3);
  for (int round = 0; round < 2000; ++round) {
    std::string a, b;
    for (auto* text : {&a, &b}) {
      for (auto n = random() % 14; n > 0; --n)
        *text += std::string(1, static_cast<char>('a' + random() % 3)) + "\n";
    }
    ASSERT_EQ(rebuilt(a, b), b);
    auto from = lines_of(a), to = lines_of(b);
    std::vector<std::vector<std::size_t>> common(from.size() + 1, std::vector<std::size_t>(to.size() + 1));
    for (std::size_t i = from.size(); i-- > 0;) {
      for (std::size_t j = to.size(); j-- > 0;) {
        common[i][j] =
            from[i] == to[j] ? common[i + 1][j + 1] + 1 : std::max(common[i + 1][j], common[i][j + 1]);
      }
    }
    std::size_t cost = 0;
    for (const auto& edit : diff(a, b)) cost += edit.a_end - edit.a_begin + edit.b_end - edit.b_begin;
    ASSERT_EQ(cost, from.size() + to.size() - 2 * common[0][0]) << a << "---\n" << b;
  }
}

TEST(LineDiff, IsRightWhereTheShortestWouldTakeTooLong) {
  std::mt19937 random(5);
  std::string a, b;
  for (int i = 0; i < 60'000; ++i) {
    a += std::to_string(random() % 5) + "\n";
    b += std::to_string(random() % 5) + "\n";
  }
  EXPECT_TRUE(rebuilt(a, b) == b);
  std::string lines_a, lines_b;
  for (int i = 0; i < 100'000; ++i) {
    lines_a += std::to_string(i) + "\n";
    lines_b += std::to_string(-i - 1) + "\n";
  }
  EXPECT_TRUE(rebuilt(lines_a, lines_b) == lines_b);
}

}  // namespace
}  // namespace brig::review
