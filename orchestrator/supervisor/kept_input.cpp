#include "supervisor/kept_input.hpp"

#include <algorithm>

#include "link_wire/frame.hpp"

namespace brig::supervisor {
namespace {

constexpr std::size_t kSmall = 512;
constexpr std::size_t kLarge = link::kStdinWindow;

std::vector<std::byte>& spare() {
  static std::vector<std::byte> block;
  return block;
}

std::vector<std::byte> take_block(std::size_t size) {
  std::vector<std::byte> out;
  if (size > kSmall) out.swap(spare());
  out.reserve(size > kSmall ? kLarge : kSmall);
  return out;
}

void give_back(std::vector<std::byte>& block) {
  if (block.capacity() < kLarge) return;
  block.clear();
  spare().swap(block);
}

}  // namespace

void KeptInput::add(std::span<const std::byte> bytes) {
  size_ += bytes.size();
  while (!bytes.empty()) {
    if (blocks_.empty() || blocks_.back().bytes.size() == blocks_.back().bytes.capacity())
      blocks_.push_back({take_block(bytes.size()), 0});
    auto& into = blocks_.back().bytes;
    auto part = bytes.first(std::min(bytes.size(), into.capacity() - into.size()));
    into.insert(into.end(), part.begin(), part.end());
    bytes = bytes.subspan(part.size());
  }
}

void KeptInput::keep_last(std::size_t size) {
  while (size_ > size) {
    auto& first = blocks_.front();
    auto gone = std::min(size_ - size, first.bytes.size() - first.begin);
    first.begin += gone;
    size_ -= gone;
    if (first.begin < first.bytes.size()) continue;
    give_back(first.bytes);
    blocks_.erase(blocks_.begin());
  }
}

std::vector<std::span<const std::byte>> KeptInput::last(std::size_t size) const {
  std::vector<std::span<const std::byte>> out;
  auto skip = size_ - std::min(size, size_);
  for (const auto& block : blocks_) {
    auto bytes = std::span(block.bytes).subspan(block.begin);
    auto skipped = std::min(skip, bytes.size());
    skip -= skipped;
    if (skipped < bytes.size()) out.push_back(bytes.subspan(skipped));
  }
  return out;
}

}  // namespace brig::supervisor
