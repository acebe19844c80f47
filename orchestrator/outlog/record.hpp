// How a segment is written: a head of 16 bytes, then records of 16 bytes of header and the bytes themselves.
//
//   head:    u64 magic | u64 salt                                     (all little-endian)
//   record:  u32 check | u32 length | u8 stream | u56 time in ms
//
// The check covers the header, the offset of the record's first byte and the segment's salt, so that a torn
// header, a run of zeros after a power cut, and a record that belongs elsewhere are all told from a good one.
// A segment may be written over one that has had its time: what then lies behind its last record is stale,
// and is whatever a process once wrote. The salt, which no process knows, keeps it from passing for records.
// The bytes themselves are not summed: a crash of ours cannot damage them, and the price would be paid for
// every byte.
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

inline constexpr std::size_t kHead = 16;
inline constexpr std::uint64_t kMagic = 0x3267'6f6c'6769'7262u;  // "briglog2"

inline void encode_head(std::uint64_t salt, std::byte* out) {
  std::memcpy(out, &kMagic, 8);
  std::memcpy(out + 8, &salt, 8);
}

// The salt; none if this is no head.
inline std::optional<std::uint64_t> decode_head(const std::byte* in) {
  std::uint64_t magic, salt;
  std::memcpy(&magic, in, 8);
  std::memcpy(&salt, in + 8, 8);
  if (magic != kMagic) return std::nullopt;
  return salt;
}

// Where a record stands: what its check covers besides itself.
struct Place {
  std::uint64_t salt = 0;
  std::uint64_t offset = 0;
};

inline std::uint32_t check_of(std::uint32_t length, std::uint64_t rest, Place place) {
  std::uint64_t h = 0x6272'6967'6f75'7401u ^ place.salt;
  for (std::uint64_t word : {place.offset, std::uint64_t{length}, rest}) {
    h = (h ^ word) * 0x9e37'79b9'7f4a'7c15u;
    h ^= h >> 29;
  }
  return static_cast<std::uint32_t>(h >> 32);
}

inline void encode(const Header& header, Place place, std::byte* out) {
  static_assert(std::endian::native == std::endian::little);
  std::uint64_t rest = (header.time_ms & kTimeMask) << 8 | static_cast<std::uint64_t>(header.stream);
  std::uint32_t check = check_of(header.length, rest, place);
  std::memcpy(out, &check, 4);
  std::memcpy(out + 4, &header.length, 4);
  std::memcpy(out + 8, &rest, 8);
}

inline std::optional<Header> decode(const std::byte* in, Place place) {
  std::uint32_t check, length;
  std::uint64_t rest;
  std::memcpy(&check, in, 4);
  std::memcpy(&length, in + 4, 4);
  std::memcpy(&rest, in + 8, 8);
  auto stream = rest & 0xff;
  if (check != check_of(length, rest, place) || length == 0 || length > kMaxAppend || stream < 1 ||
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

// Walks the records of a file of `size` bytes, the first of which is `first`, until the one that holds
// `target`. A record that is not whole, or no record, ends the walk.
Walk walk(int file, std::uint64_t size, Place first, std::uint64_t target);

}  // namespace brig::outlog
