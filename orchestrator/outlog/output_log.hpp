// What one process has written, kept on disk within a bound.
//
// A log is a directory of segments named by the offset of their first byte. A segment is a run of records,
// each a 16-byte header (check, length, stream, time) and its bytes. Offsets count the process's bytes of
// both streams, not headers. When the bound is reached the oldest segment goes; a reader that was still in it
// is told of the gap. If it is still warm, the next one is written over it: its pages are there already, and
// finding new ones costs the file system three times as much as the copy.
//
// What append() returned from survives kill -9 of brigd: it stands in the kernel's page cache. A crash in the
// middle leaves at most one torn record at the end, which open() cuts off; the supervisor sends those bytes
// again, since they were never acknowledged.
//
// The calls are plain system calls on the loop's thread, on purpose: writes go to the page cache and readers
// follow writers closely, so they are memory copies; a thread hop would cost more than the copy.
//
// Ownership: a Reader shares the log. Threads: one at a time (the loop's). Failure: as Result; a full disk is
// `exhausted` and leaves the log as it was.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/clock.hpp"
#include "core/result.hpp"
#include "core/unique_fd.hpp"

namespace brig::outlog {

enum class Stream : std::uint8_t { out = 1, err = 2 };

struct Limits {
  std::uint64_t segment_bytes = 4u << 20;  // on disk, headers included
  std::uint64_t total_bytes = 16u << 20;   // the same; at least two segments' worth
};

// As many bytes as one append takes.
inline constexpr std::size_t kMaxAppend = 1u << 20;
// Smallest buffer a Reader works with.
inline constexpr std::size_t kMinBuffer = 512;

struct Piece {
  Stream stream = Stream::out;
  std::uint64_t offset = 0;
  WallTime time{};
  std::span<const std::byte> bytes;
};

struct Gap {  // bytes [from, to) are no longer kept
  std::uint64_t from = 0;
  std::uint64_t to = 0;
};

class Reader;

class OutputLog : public std::enable_shared_from_this<OutputLog> {
  struct Private {};

 public:
  // Makes the directory if it is not there; recovers what a crash left.
  static Result<std::shared_ptr<OutputLog>> open(std::filesystem::path directory, Limits limits = {});
  OutputLog(Private, std::filesystem::path directory, Limits limits);
  OutputLog(const OutputLog&) = delete;
  OutputLog& operator=(const OutputLog&) = delete;

  Result<void> append(Stream stream, WallTime time, std::span<const std::byte> bytes);

  // The bytes up to `offset` will never come; readers are told of the gap.
  void skip_to(std::uint64_t offset);

  std::uint64_t begin() const;  // offset of the oldest byte kept
  std::uint64_t end() const { return end_; }
  std::uint64_t disk_bytes() const;

  // Starts at `from`; below begin() the first next() reports the gap, above end() is taken as end().
  Reader read(std::uint64_t from);

  // Closes the files of a log nobody is using now; they are opened again when needed.
  void release();

 private:
  friend class Reader;
  struct Segment {
    std::uint64_t base = 0;    // offset of its first byte
    std::uint64_t size = 0;    // of the file, as far as it is head and whole records
    std::uint64_t extent = 0;  // of the file
    std::uint64_t salt = 0;    // known while `file` is open
    WallTime begun{};          // by this process; else long ago
    UniqueFd file;             // opened when needed
  };

  Result<void> recover();
  Result<void> recover_last(Segment& segment);
  Result<void> roll(WallTime now);
  bool take_over(Segment& segment, const std::filesystem::path& path);
  void drop_oldest();
  Result<int> file_of(Segment& segment);
  std::filesystem::path path_of(std::uint64_t base) const;
  // The segment that holds `offset`; none at or beyond end().
  Segment* find(std::uint64_t offset);
  std::uint64_t end_of(const Segment& segment) const;

  std::filesystem::path directory_;
  Limits limits_;
  std::vector<Segment> segments_;  // by base, each beginning where the one before ends
  std::uint64_t end_ = 0;
  bool skipped_ = false;  // the next record begins a segment of its own, because end_ was moved
  bool torn_ = false;     // a failed append could not be taken back yet
};

class Reader {
 public:
  // What could be read at once: a gap, or pieces, or neither at the end of what is kept. Valid until the next
  // call.
  struct Batch {
    std::optional<Gap> gap;
    std::span<const Piece> pieces;
    bool at_end() const { return !gap && pieces.empty(); }
  };

  // One system call in the common case. Bytes land in `buffer` (at least kMinBuffer), to which the pieces
  // point; readers may share one, since nothing stays in it between calls. Small neighbours of one stream are
  // joined.
  Result<Batch> next(std::span<std::byte> buffer);
  // Offset of the next byte.
  std::uint64_t position() const { return position_; }
  void seek(std::uint64_t position);

 private:
  friend class OutputLog;
  Reader(std::shared_ptr<OutputLog> log, std::uint64_t from) : log_(std::move(log)), position_(from) {}
  bool locate(int file, std::uint64_t size, std::uint64_t base, std::uint64_t salt);
  Batch skip_to(std::uint64_t position);
  void add(std::span<std::byte> bytes);

  std::shared_ptr<OutputLog> log_;
  std::uint64_t position_;
  // Where the position lies: in which segment, at which byte of the file, how much of the record is left.
  std::optional<std::uint64_t> segment_;
  std::uint64_t file_offset_ = 0;
  std::uint32_t record_left_ = 0;
  Stream stream_ = Stream::out;
  WallTime time_{};
  std::vector<Piece> pieces_;
};

}  // namespace brig::outlog
