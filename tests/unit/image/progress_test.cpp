#include "image/progress.hpp"

#include <gtest/gtest.h>

namespace brig::image {
namespace {

Progress of(std::string status, std::string text = {}) {
  docker::Progress progress;
  progress.status = std::move(status);
  progress.text = std::move(text);
  return from_builder(progress);
}

TEST(ImageProgress, AStepOfTheBuilderIsAFraction) {
  auto progress = of("Step 2/5 : RUN make");
  EXPECT_EQ(progress.step, "Step 2/5: RUN make");
  EXPECT_EQ(progress.fraction, 0.2);
}

TEST(ImageProgress, WhatIsNotUnderstoodIsShownAsItIs) {
  for (auto text :
       {"Step", "Step x/2", "Step 3/2 : RUN", "Step 0/0 : RUN", "Step 99999999999/3", "Step 1 of 2"}) {
    EXPECT_EQ(of(text).step, text);
    EXPECT_FALSE(of(text).fraction) << text;
  }
  EXPECT_EQ(of("", "output\n").log, "output\n");
}

TEST(ImageProgress, APullSaysWhatOfWhich) {
  docker::Progress progress;
  progress.id = "abc";
  progress.status = "Downloading";
  progress.current = 1;
  progress.total = 4;
  EXPECT_EQ(from_pull("debian:x", progress).step, "pulling debian:x abc: Downloading 25%");
}

TEST(ImageProgress, LinesAreWholePrintableAndBounded) {
  Lines lines;
  EXPECT_TRUE(lines.feed("a").empty());
  EXPECT_EQ(lines.feed("b\n\x1b[31mred\r\n\nrest"), (std::vector<std::string>{"ab", "\\x1b[31mred"}));
  lines.feed(std::string(1 << 20, 'x'));
  auto cut = lines.feed("\n");
  ASSERT_EQ(cut.size(), 1u);
  EXPECT_LE(cut[0].size(), 4096u);
}

}  // namespace
}  // namespace brig::image
