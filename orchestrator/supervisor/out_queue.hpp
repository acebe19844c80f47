// Bytes on their way to a supervisor. Wiped as they leave, because a SPAWN may carry secrets; given back when
// empty, because most links are idle.
//
// Ownership: owns its memory. Threads: one. Failure: none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "link_wire/frame.hpp"

namespace brig::supervisor {

class OutQueue {
 public:
  OutQueue() = default;
  OutQueue(const OutQueue&) = delete;
  OutQueue& operator=(const OutQueue&) = delete;
  ~OutQueue() { clear(); }

  // `header.length` is set from the payload. The frame's first `sent` bytes are under way already.
  void put(link::Header header, std::span<const std::byte> payload = {}, std::size_t sent = 0);

  std::span<const std::byte> pending() const { return {memory_ + begin_, end_ - begin_}; }
  std::size_t size() const { return end_ - begin_; }
  void drop(std::size_t sent);
  void clear();

 private:
  void make_room(std::size_t more);

  std::byte* memory_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace brig::supervisor
