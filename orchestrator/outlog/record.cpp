#include "outlog/record.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>

namespace brig::outlog {

Walk walk(int file, std::uint64_t size, Place first, std::uint64_t target) {
  // Small steps: with small records one step has hundreds of headers, with large ones little is read in vain.
  std::array<std::byte, 8192> window;
  std::uint64_t window_at = 0;
  std::size_t window_size = 0;
  Walk at{std::min<std::uint64_t>(size, kHead), first.offset, std::nullopt};
  while (size - at.file_offset >= kHeader) {
    if (at.file_offset < window_at || at.file_offset + kHeader > window_at + window_size) {
      auto n = ::pread(file, window.data(), window.size(), static_cast<off_t>(at.file_offset));
      if (n < static_cast<ssize_t>(kHeader)) return at;
      window_at = at.file_offset;
      window_size = static_cast<std::size_t>(n);
    }
    auto header = decode(window.data() + (at.file_offset - window_at), {first.salt, at.offset});
    if (!header || header->length > size - at.file_offset - kHeader) return at;
    if (target < at.offset + header->length) {
      at.header = header;
      return at;
    }
    at.file_offset += kHeader + header->length;
    at.offset += header->length;
  }
  return at;
}

}  // namespace brig::outlog
