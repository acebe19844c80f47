// A ring of bytes in memory of its own, addressed by ever-growing offsets, and given back when it is empty.
//
// Pages are touched only as far as they are used: an empty ring starts again at its first page.
//
// Ownership: owns its mapping; not copied into children (MADV_DONTFORK). Threads: one.
// Failure: open() gives false when the kernel has no memory.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace brig::init {

// Anonymous private memory, zeroed, not inherited by children; null if there is none.
std::byte* map_memory(std::size_t size);
void unmap_memory(std::byte* memory, std::size_t size);

class Ring {
 public:
  Ring() = default;
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // `capacity` is a power of two. `begin` is the offset of the first byte that will be put in.
  bool open(std::size_t capacity, std::uint64_t begin);
  void close();
  bool is_open() const { return memory_ != nullptr; }

  std::uint64_t begin() const { return begin_; }
  std::uint64_t end() const { return end_; }
  std::size_t size() const { return static_cast<std::size_t>(end_ - begin_); }
  std::size_t room() const { return capacity_ - size(); }

  // Where the next `length` bytes go (length ≤ room()): one or two pieces; then produce() what was filled.
  int space(std::size_t length, iovec out[2]);
  void produce(std::size_t length) { end_ += length; }
  // Where the bytes [offset, offset + length) lie.
  int bytes(std::uint64_t offset, std::size_t length, iovec out[2]) const;
  void consume_until(std::uint64_t offset);
  // An empty ring goes on from another offset.
  void restart(std::uint64_t begin) { begin_ = end_ = begin; }
  // Of what lies in it; not for an empty ring.
  char last() const;
  // All of it goes in; size ≤ room().
  void append(std::span<const std::byte> data);

  // Gives the pages back if the ring is empty and had any.
  void trim();

 private:
  int pieces(std::uint64_t offset, std::size_t length, iovec out[2]) const;

  std::byte* memory_ = nullptr;
  std::size_t capacity_ = 0;
  std::uint64_t begin_ = 0;
  std::uint64_t end_ = 0;
  std::uint64_t origin_ = 0;  // the offset that lies at memory_[0]
  bool touched_ = false;
};

}  // namespace brig::init
