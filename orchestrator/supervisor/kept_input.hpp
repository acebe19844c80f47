// Input of one process that its supervisor has not acknowledged, so that it may have to be sent again.
//
// Kept in blocks. Large ones are used again, by this process or another, so that a stream does not ask the
// kernel for fresh memory all the time; without input there is none.
//
// Ownership: owns the blocks. Threads: the loop's. Failure: none.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace brig::supervisor {

class KeptInput {
 public:
  KeptInput() = default;
  KeptInput(const KeptInput&) = delete;
  KeptInput& operator=(const KeptInput&) = delete;
  ~KeptInput() { clear(); }

  void add(std::span<const std::byte> bytes);
  void keep_last(std::size_t size);
  void clear() { keep_last(0); }
  std::size_t size() const { return size_; }
  // The last `size` bytes, in order; valid until the next call.
  std::vector<std::span<const std::byte>> last(std::size_t size) const;

 private:
  struct Block {
    std::vector<std::byte> bytes;  // never beyond its capacity
    std::size_t begin = 0;
  };
  std::vector<Block> blocks_;
  std::size_t size_ = 0;
};

}  // namespace brig::supervisor
