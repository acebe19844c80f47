// Writing text into a bounded buffer, without a heap.
//
// Ownership: writes into the caller's buffer. Threads: one. Failure: full() once something did not fit; what
// is in the buffer is then cut short.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace brig::init::egress {

class Text {
 public:
  explicit Text(std::span<char> buffer) : begin_(buffer.data()), at_(begin_), end_(begin_ + buffer.size()) {}

  Text& operator<<(std::string_view text) {
    std::size_t room = static_cast<std::size_t>(end_ - at_);
    std::size_t size = text.size() < room ? text.size() : room;
    full_ = full_ || size < text.size();
    if (size > 0) std::memcpy(at_, text.data(), size);
    at_ += size;
    return *this;
  }
  Text& operator<<(std::uint64_t number) {
    char digits[20];
    std::size_t count = sizeof digits;
    do digits[--count] = static_cast<char>('0' + number % 10);
    while ((number /= 10) != 0);
    return *this << std::string_view(digits + count, sizeof digits - count);
  }
  bool full() const { return full_; }
  std::string_view view() const { return {begin_, static_cast<std::size_t>(at_ - begin_)}; }

 private:
  char* begin_;
  char* at_;
  char* end_;
  bool full_ = false;
};

inline char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

inline bool same_letters(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

}  // namespace brig::init::egress
