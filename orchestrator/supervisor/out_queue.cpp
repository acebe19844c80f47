#include "supervisor/out_queue.hpp"

#include <string.h>

#include <algorithm>

namespace brig::supervisor {

void OutQueue::make_room(std::size_t more) {
  if (capacity_ - end_ >= more) return;
  std::size_t capacity = std::max<std::size_t>(512, (size() + more) * 2);
  auto* memory = new std::byte[capacity];
  std::size_t kept = size();
  if (kept > 0) std::memcpy(memory, memory_ + begin_, kept);
  clear();
  memory_ = memory;
  capacity_ = capacity;
  end_ = kept;
}

void OutQueue::put(link::Header header, std::span<const std::byte> payload, std::size_t sent) {
  header.length = static_cast<std::uint16_t>(payload.size());
  std::byte head[link::kHeaderSize];
  link::encode(header, head);
  make_room(sizeof head + payload.size() - sent);
  for (std::span<const std::byte> part : {std::span<const std::byte>(head), payload}) {
    auto skipped = std::min(sent, part.size());
    sent -= skipped;
    part = part.subspan(skipped);
    if (!part.empty()) std::memcpy(memory_ + end_, part.data(), part.size());
    end_ += part.size();
  }
}

void OutQueue::drop(std::size_t sent) {
  begin_ += sent;
  if (begin_ < end_) return;
  if (capacity_ > 4096) {
    clear();
  } else {
    explicit_bzero(memory_, end_);
    begin_ = end_ = 0;
  }
}

void OutQueue::clear() {
  if (memory_) explicit_bzero(memory_, end_);
  delete[] memory_;
  memory_ = nullptr;
  capacity_ = begin_ = end_ = 0;
}

}  // namespace brig::supervisor
