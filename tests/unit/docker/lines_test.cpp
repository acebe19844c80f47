#include "docker/lines.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace brig::docker {
namespace {

TEST(Lines, AreTheSameWhereverTheyAreCut) {
  std::string stream = "one\r\n\n  \ntwo\nthree is longer\nrest";
  for (std::size_t step = 1; step <= stream.size(); ++step) {
    LineSplitter lines;
    std::vector<std::string> all;
    for (std::size_t i = 0; i < stream.size(); i += step) {
      lines.feed(std::string_view(stream).substr(i, step));
      for (auto line = lines.next(); line && *line; line = lines.next()) all.emplace_back(**line);
    }
    EXPECT_EQ(all, (std::vector<std::string>{"one", "two", "three is longer"})) << step;
    EXPECT_EQ(lines.rest(), "rest");
  }
}

TEST(Lines, AreBounded) {
  LineSplitter lines(10);
  lines.feed("0123456789\n");
  EXPECT_TRUE(lines.next());
  lines.feed("0123456789");
  EXPECT_TRUE(lines.next());
  lines.feed("x");
  auto r = lines.next();
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, Code::too_large);
}

}  // namespace
}  // namespace brig::docker
