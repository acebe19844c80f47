// A sparse file, compressed piece by piece, each piece with a checksum that covers all that came before it.
//
//   "BRIGVOL1", then pieces: offset, length, packed length (8 bytes each, little-endian), the checksum (32
//   bytes), the packed bytes (zstd). The last one has no bytes, and the file's size for its offset.
//
// What is not in a piece is a hole. A checksum is BLAKE2b of the one before it, the piece's offset and length
// and its packed bytes: a flipped bit, a piece that is missing, twice or in another place does not
// read. Writing goes on where a kill -9 ended it; what is there is read, not trusted.
//
// Threads: any; blocks. Failure: as Result; a damaged archive is `corrupt`, naming where; a full disk is
// `exhausted`, and what was written of it stays for who goes on or destroys it.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>

#include "core/result.hpp"

namespace brig::volume {

struct ArchiveControl {
  std::uint64_t bytes_per_second = 0;             // read of the file; 0: as fast as it goes
  const std::atomic<bool>* cancelled = nullptr;   // `cancelled` soon after it is set
  std::function<void(double fraction)> progress;  // called from the thread that works
};

// The archive's length. It is on the disk, and was compared with the file to the last byte. The file must not
// change meanwhile.
Result<std::uint64_t> write_archive(const std::filesystem::path& file, const std::filesystem::path& archive,
                                    const ArchiveControl& control = {});

// Reads all of it; the archive's length.
Result<std::uint64_t> check_archive(const std::filesystem::path& archive);

// Makes `file` what was archived; under another name until it is whole and on the disk.
Result<void> read_archive(const std::filesystem::path& archive, const std::filesystem::path& file,
                          const ArchiveControl& control = {});

}  // namespace brig::volume
