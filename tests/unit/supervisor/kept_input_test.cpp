// What is kept of input against what a plain string would keep.
#include "supervisor/kept_input.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace brig::supervisor {
namespace {

std::string text(const KeptInput& kept, std::size_t size) {
  std::string out;
  for (auto piece : kept.last(size)) {
    EXPECT_FALSE(piece.empty());
    out.append(reinterpret_cast<const char*>(piece.data()), piece.size());
  }
  return out;
}

TEST(KeptInput, IsWhatAStringWouldBe) {
  std::mt19937 random(7);
  auto up_to = [&](std::size_t most) { return std::uniform_int_distribution<std::size_t>(0, most)(random); };
  KeptInput kept;
  std::string model;
  for (int i = 0; i < 3000; ++i) {
    // A writer gives what he has in one part or several, as there is room.
    std::vector<std::byte> bytes(up_to(i % 7 == 0 ? 90'000 : 60));
    for (auto& b : bytes) b = static_cast<std::byte>(random());
    for (std::span<const std::byte> rest = bytes; !rest.empty();) {
      auto part = rest.first(1 + up_to(rest.size() - 1));
      kept.add(part);
      model.append(reinterpret_cast<const char*>(part.data()), part.size());
      rest = rest.subspan(part.size());
    }
    if (i % 5 == 0) {
      auto left = up_to(model.size());
      kept.keep_last(left);
      model.erase(0, model.size() - left);
    }
    ASSERT_EQ(kept.size(), model.size());
    ASSERT_EQ(text(kept, model.size()), model);
    auto some = up_to(model.size());
    ASSERT_EQ(text(kept, some), model.substr(model.size() - some));
  }
  kept.clear();
  EXPECT_EQ(kept.size(), 0u);
  EXPECT_TRUE(kept.last(100).empty());
}

TEST(KeptInput, DoesNotPileUpWhatIsSmall) {
  KeptInput kept;
  for (int i = 0; i < 10'000; ++i) kept.add(std::vector<std::byte>(1));
  EXPECT_LE(kept.last(kept.size()).size(), 20u);
}

TEST(KeptInput, UsesLargeBlocksAgain) {
  KeptInput one, other;
  const std::vector<std::byte> bytes(10'000);
  one.add(bytes);
  auto at = one.last(1).front().data();
  one.clear();
  // Nobody else gets it meanwhile.
  std::vector<std::byte> between;
  between.reserve(64 * 1024);
  EXPECT_NE(between.data(), at);
  other.add(bytes);
  EXPECT_EQ(other.last(1).front().data(), at);
}

}  // namespace
}  // namespace brig::supervisor
