#include "mcp/lines.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace brig::mcp {
namespace {

std::vector<Line> split(std::string_view bytes, std::size_t step, std::size_t max = kMaxLine) {
  LineSplitter splitter(max);
  std::vector<Line> out;
  auto take = [&out](Line line) { out.push_back(std::move(line)); };
  for (std::size_t at = 0; at < bytes.size(); at += step) splitter.feed(bytes.substr(at, step), take);
  if (auto rest = splitter.finish()) out.push_back(std::move(*rest));
  return out;
}

std::vector<std::string> texts(std::string_view bytes, std::size_t step) {
  std::vector<std::string> out;
  for (auto& line : split(bytes, step)) out.push_back(line.text);
  return out;
}

TEST(Lines, AreTheSameHoweverTheyAreCut) {
  const std::string bytes = "one\n\r\n\ntwo\r\nthree\rstill three\nfour";
  for (std::size_t step = 1; step <= bytes.size(); ++step)
    EXPECT_THAT(texts(bytes, step), ::testing::ElementsAre("one", "two", "three\rstill three", "four"))
        << step;
  EXPECT_TRUE(texts("", 1).empty());
  EXPECT_TRUE(texts("\n\n", 1).empty());
}

TEST(Lines, KeepHeadAndTailOfWhatIsTooLong) {
  const std::size_t max = 2 * kKeptOfLongLine;
  std::string middle;
  for (std::size_t i = 0; middle.size() < 3 * max; ++i) middle += std::to_string(i) + ",";
  for (std::size_t length : {max, max + 1, max + kKeptOfLongLine, 3 * max}) {
    auto text = middle.substr(0, length);
    for (std::size_t step : {std::size_t{1}, std::size_t{7}, kKeptOfLongLine, kKeptOfLongLine + 1, length}) {
      auto lines = split(text + "\nnext\n", step, max);
      ASSERT_EQ(lines.size(), 2u) << length << " " << step;
      EXPECT_EQ(lines[0].size, length);
      EXPECT_EQ(lines[0].too_long(), length > max);
      if (length > max) {
        EXPECT_EQ(lines[0].text, text.substr(0, kKeptOfLongLine));
        EXPECT_EQ(lines[0].tail, text.substr(length - kKeptOfLongLine)) << length << " " << step;
      } else {
        EXPECT_EQ(lines[0].text, text);
      }
      EXPECT_EQ(lines[1].text, "next");
    }
  }
}

}  // namespace
}  // namespace brig::mcp
