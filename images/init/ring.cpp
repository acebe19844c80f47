#include "init/ring.hpp"

#include <sys/mman.h>

#include <cstring>

namespace brig::init {

std::byte* map_memory(std::size_t size) {
  void* at =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) return nullptr;
  ::madvise(at, size, MADV_DONTFORK);
  return static_cast<std::byte*>(at);
}

void unmap_memory(std::byte* memory, std::size_t size) {
  if (memory) ::munmap(memory, size);
}

bool Ring::open(std::size_t capacity, std::uint64_t begin) {
  close();
  memory_ = map_memory(capacity);
  if (!memory_) return false;
  capacity_ = capacity;
  begin_ = end_ = origin_ = begin;
  return true;
}

void Ring::close() {
  unmap_memory(memory_, capacity_);
  memory_ = nullptr;
  capacity_ = 0;
  touched_ = false;
  begin_ = end_;
}

int Ring::pieces(std::uint64_t offset, std::size_t length, iovec out[2]) const {
  std::size_t at = static_cast<std::size_t>(offset - origin_) & (capacity_ - 1);
  std::size_t first = length < capacity_ - at ? length : capacity_ - at;
  out[0] = {memory_ + at, first};
  if (first == length) return 1;
  out[1] = {memory_, length - first};
  return 2;
}

int Ring::space(std::size_t length, iovec out[2]) {
  if (begin_ == end_) origin_ = begin_;
  touched_ = true;
  return pieces(end_, length, out);
}

int Ring::bytes(std::uint64_t offset, std::size_t length, iovec out[2]) const {
  return pieces(offset, length, out);
}

void Ring::consume_until(std::uint64_t offset) {
  begin_ = offset;
}

void Ring::append(std::span<const std::byte> data) {
  iovec parts[2];
  int count = space(data.size(), parts);
  std::memcpy(parts[0].iov_base, data.data(), parts[0].iov_len);
  if (count == 2) std::memcpy(parts[1].iov_base, data.data() + parts[0].iov_len, parts[1].iov_len);
  produce(data.size());
}

char Ring::last() const {
  iovec part[2];
  pieces(end_ - 1, 1, part);
  return *static_cast<const char*>(part[0].iov_base);
}

void Ring::trim() {
  if (!touched_ || begin_ != end_) return;
  ::madvise(memory_, capacity_, MADV_DONTNEED);
  touched_ = false;
}

}  // namespace brig::init
