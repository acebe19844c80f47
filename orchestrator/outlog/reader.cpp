#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "outlog/output_log.hpp"
#include "outlog/record.hpp"

namespace brig::outlog {

namespace {

// Records up to this size are moved next to their neighbour: one message instead of many for a chatty
// process. Larger ones are worth a message of their own and stay where they were read to.
constexpr std::size_t kJoin = 4096;
constexpr std::size_t kMaxPieces = 64;

}  // namespace

void Reader::seek(std::uint64_t position) {
  position_ = std::min(position, log_->end());
  segment_.reset();
}

Reader::Batch Reader::skip_to(std::uint64_t position) {
  Batch batch;
  batch.gap = Gap{position_, position};
  position_ = position;
  segment_.reset();
  return batch;
}

// Finds the place of position_ in its segment; false if the segment is damaged before it.
bool Reader::locate(int file, std::uint64_t size, std::uint64_t base, std::uint64_t salt) {
  segment_ = base;
  file_offset_ = kHead;
  record_left_ = 0;
  if (position_ == base) return true;
  auto found = walk(file, size, {salt, base}, position_);
  if (!found.header) {
    segment_.reset();
    return false;
  }
  auto into = position_ - found.offset;
  file_offset_ = found.file_offset + kHeader + into;
  record_left_ = static_cast<std::uint32_t>(found.header->length - into);
  stream_ = found.header->stream;
  time_ = WallTime{Millis{static_cast<std::int64_t>(found.header->time_ms)}};
  return true;
}

void Reader::add(std::span<std::byte> bytes) {
  if (bytes.empty()) return;
  if (!pieces_.empty()) {
    auto& last = pieces_.back();
    if (last.stream == stream_ && bytes.size() <= kJoin) {
      auto end = const_cast<std::byte*>(last.bytes.data()) + last.bytes.size();
      std::memmove(end, bytes.data(), bytes.size());
      last.bytes = {last.bytes.data(), last.bytes.size() + bytes.size()};
      position_ += bytes.size();
      return;
    }
  }
  pieces_.push_back({stream_, position_, time_, bytes});
  position_ += bytes.size();
}

Result<Reader::Batch> Reader::next(std::span<std::byte> buffer) {
  if (buffer.size() < kMinBuffer) {
    return Error{Code::internal, "The buffer for reading an output log is too small", "outlog", false};
  }
  pieces_.clear();
  if (position_ < log_->begin()) return skip_to(log_->begin());
  auto* segment = log_->find(position_);
  if (!segment) return Batch{};
  auto segment_end = log_->end_of(*segment);
  BRIG_TRY(int file, log_->file_of(*segment));
  if (segment_ != segment->base && !locate(file, segment->size, segment->base, segment->salt))
    return skip_to(segment_end);

  auto want = std::min<std::uint64_t>(buffer.size(), segment->size - std::min(file_offset_, segment->size));
  auto n = ::pread(file, buffer.data(), static_cast<std::size_t>(want), static_cast<off_t>(file_offset_));
  if (n < 0) return errno_error(errno, "Cannot read an output log", "outlog");
  auto got = static_cast<std::size_t>(n);
  std::size_t at = 0;
  while (true) {
    if (record_left_ > 0) {
      auto take = std::min<std::size_t>(record_left_, got - at);
      add(buffer.subspan(at, take));
      at += take;
      record_left_ -= static_cast<std::uint32_t>(take);
      if (record_left_ > 0) break;
    }
    if (got - at < kHeader || pieces_.size() == kMaxPieces) break;
    auto header = decode(buffer.data() + at, {segment->salt, position_});
    if (!header) break;
    record_left_ = header->length;
    stream_ = header->stream;
    time_ = WallTime{Millis{static_cast<std::int64_t>(header->time_ms)}};
    at += kHeader;
  }
  file_offset_ += at;
  if (pieces_.empty()) {
    // Nothing where something should be: damaged from here on (not by us). Told as a gap, gone on after it.
    if (record_left_ > 0 && at > 0) return next(buffer);
    return skip_to(segment_end);
  }
  if (position_ >= segment_end && position_ < log_->end()) {
    // This reader is through with the segment; another that needs it opens it again.
    segment->file.reset();
  }
  return Batch{std::nullopt, pieces_};
}

}  // namespace brig::outlog
