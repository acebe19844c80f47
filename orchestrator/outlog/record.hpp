// How a record stands in a segment: 16 bytes of header, then the bytes.
//
//   u32 check | u32 length | u8 stream | u56 time in ms      (little-endian)
//
// The check covers the header and the offset of the record's first byte, so that a torn header, a run of
// zeros after a power cut, and a record that belongs elsewhere are all told from a good one. The bytes
// themselves are not summed: a crash of ours cannot damage them, and the price would be paid for every byte.
//
// Threads: pure. Failure: none; what is no header gives none.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>

#include "outlog/output_log.hpp"

namespace brig::outlog {

inline constexpr std::size_t kHeader = 16;

struct Header {
  std::uint32_t length = 0;
  Stream stream = Stream::out;
  std::uint64_t time_ms = 0;
};

inline constexpr std::uint64_t kTimeMask = (std::uint64_t{1} << 56) - 1;

inline std::uint32_t check_of(std::uint32_t length, std::uint64_t rest, std::uint64_t offset) {
  std::uint64_t h = 0x6272'6967'6f75'7401u ^ offset;
  for (std::uint64_t word : {std::uint64_t{length}, rest}) {
    h = (h ^ word) * 0x9e37'79b9'7f4a'7c15u;
    h ^= h >> 29;
  }
  return static_cast<std::uint32_t>(h >> 32);
}

inline void encode(const Header& header, std::uint64_t offset, std::byte* out) {
  static_assert(std::endian::native == std::endian::little);
  std::uint64_t rest = (header.time_ms & kTimeMask) << 8 | static_cast<std::uint64_t>(header.stream);
  std::uint32_t check = check_of(header.length, rest, offset);
  std::memcpy(out, &check, 4);
  std::memcpy(out + 4, &header.length, 4);
  std::memcpy(out + 8, &rest, 8);
}

inline std::optional<Header> decode(const std::byte* in, std::uint64_t offset) {
  std::uint32_t check, length;
  std::uint64_t rest;
  std::memcpy(&check, in, 4);
  std::memcpy(&length, in + 4, 4);
  std::memcpy(&rest, in + 8, 8);
  auto stream = rest & 0xff;
  if (check != check_of(length, rest, offset) || length == 0 || length > kMaxAppend || stream < 1 ||
      stream > 2) {
    return std::nullopt;
  }
  return Header{length, static_cast<Stream>(stream), rest >> 8};
}

// Where a walk over a segment's records came to.
struct Walk {
  std::uint64_t file_offset =
      0;                         // of the header of the record that holds the target, or where the walk ended
  std::uint64_t offset = 0;      // of the first byte of that record, or the end
  std::optional<Header> header;  // none: the target is beyond the last good record
};

// Walks the records of a file of `size` bytes, whose first byte has offset `base`, until the one that holds
// `target`. A record that is not whole, or no record, ends the walk.
Walk walk(int file, std::uint64_t size, std::uint64_t base, std::uint64_t target);

}  // namespace brig::outlog
