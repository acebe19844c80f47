#include "outlog/output_log.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "core/random.hpp"
#include "core/text.hpp"
#include "outlog/record.hpp"

namespace brig::outlog {

namespace {

constexpr std::size_t kDigits = 20;
constexpr std::string_view kSuffix = ".log";
constexpr Millis kWarm{10'000};  // so long what was written is surely in memory still

Error file_error(int err, std::string_view doing, const std::filesystem::path& path) {
  auto error =
      errno_error(err, std::string(doing) + " the output log " + brig::quoted(path.native(), 200), "outlog");
  if (error.code == Code::exhausted) error.message += "; free space in the state directory";
  return error;
}

std::uint64_t random_u64() {
  std::array<unsigned char, 8> bytes;
  fill_random(bytes);
  return std::bit_cast<std::uint64_t>(bytes);
}

// Both, one after the other, whole; or the errno.
int write_at(int file, std::uint64_t at, std::span<const std::byte> first,
             std::span<const std::byte> second) {
  while (!first.empty() || !second.empty()) {
    std::array<iovec, 2> parts{};
    int count = 0;
    for (auto part : {first, second}) {
      if (!part.empty())
        parts[static_cast<std::size_t>(count++)] = {const_cast<std::byte*>(part.data()), part.size()};
    }
    auto n = ::pwritev(file, parts.data(), count, static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return n < 0 ? errno : ENOSPC;
    auto done = static_cast<std::size_t>(n);
    at += done;
    auto of_first = std::min(done, first.size());
    first = first.subspan(of_first);
    second = second.subspan(done - of_first);
  }
  return 0;
}

std::optional<std::uint64_t> base_of(std::string_view name) {
  if (name.size() != kDigits + kSuffix.size() || !name.ends_with(kSuffix)) return std::nullopt;
  std::uint64_t base = 0;
  auto end = name.data() + kDigits;
  auto [stop, ec] = std::from_chars(name.data(), end, base);
  if (ec != std::errc() || stop != end) return std::nullopt;
  return base;
}

}  // namespace

Result<std::shared_ptr<OutputLog>> OutputLog::open(std::filesystem::path directory, Limits limits) {
  std::error_code ec;
  std::filesystem::create_directories(directory.parent_path(), ec);
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST)
    return file_error(errno, "Cannot make", directory);
  limits.segment_bytes = std::max<std::uint64_t>(limits.segment_bytes, 4096);
  limits.total_bytes = std::max(limits.total_bytes, 2 * limits.segment_bytes);
  auto log = std::make_shared<OutputLog>(Private{}, std::move(directory), limits);
  BRIG_CHECK(log->recover());
  return log;
}

OutputLog::OutputLog(Private, std::filesystem::path directory, Limits limits)
    : directory_(std::move(directory)), limits_(limits) {}

std::filesystem::path OutputLog::path_of(std::uint64_t base) const {
  auto digits = std::to_string(base);
  return directory_ / (std::string(kDigits - digits.size(), '0') + digits + std::string(kSuffix));
}

Result<void> OutputLog::recover() {
  std::error_code ec;
  std::filesystem::directory_iterator entries(directory_, ec);
  for (; !ec && entries != std::filesystem::directory_iterator(); entries.increment(ec)) {
    auto base = base_of(entries->path().filename().native());
    if (!base) continue;
    struct stat st {};
    if (::lstat(entries->path().c_str(), &st) != 0)
      return file_error(errno, "Cannot look at", entries->path());
    if (!S_ISREG(st.st_mode)) continue;
    Segment segment;
    segment.base = *base;
    segment.size = segment.extent = static_cast<std::uint64_t>(st.st_size);
    segments_.push_back(std::move(segment));
  }
  if (ec) return file_error(ec.value(), "Cannot list", directory_);
  std::sort(segments_.begin(), segments_.end(),
            [](const Segment& a, const Segment& b) { return a.base < b.base; });
  if (segments_.empty()) return {};
  // Only the last can have been cut short: a segment is begun when the one before it is whole.
  auto result = recover_last(segments_.back());
  release();
  return result;
}

Result<void> OutputLog::recover_last(Segment& segment) {
  BRIG_TRY(int file, file_of(segment));
  auto end =
      walk(file, segment.size, {segment.salt, segment.base}, std::numeric_limits<std::uint64_t>::max());
  // A head without records may be of an earlier life of the file: the first append writes its own.
  auto size = end.offset == segment.base ? 0 : end.file_offset;
  if (size < segment.size && ::ftruncate(file, static_cast<off_t>(size)) != 0) {
    return file_error(errno, "Cannot shorten", path_of(segment.base));
  }
  segment.size = segment.extent = size;
  end_ = end.offset;
  return {};
}

Result<int> OutputLog::file_of(Segment& segment) {
  if (!segment.file) {
    auto path = path_of(segment.base);
    segment.file.reset(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (!segment.file) return file_error(errno, "Cannot open", path);
    std::array<std::byte, kHead> head{};
    // Without a head, whatever salt: what follows is no record of ours.
    bool whole = ::pread(segment.file.get(), head.data(), kHead, 0) == static_cast<ssize_t>(kHead);
    segment.salt = (whole ? decode_head(head.data()) : std::nullopt).value_or(random_u64());
  }
  return segment.file.get();
}

Result<void> OutputLog::roll(WallTime now) {
  if (!segments_.empty() && segments_.back().extent > segments_.back().size) {
    // What is stale behind the last record ends with the segment's own life.
    auto& last = segments_.back();
    BRIG_TRY(int file, file_of(last));
    if (::ftruncate(file, static_cast<off_t>(last.size)) != 0)
      return file_error(errno, "Cannot shorten", path_of(last.base));
    last.extent = last.size;
  }
  auto path = path_of(end_);
  Segment segment;
  segment.base = end_;
  segment.begun = now;
  bool full = segments_.size() > 1 && disk_bytes() + limits_.segment_bytes > limits_.total_bytes;
  bool warm = full && now - segments_.front().begun < kWarm;
  if (!warm || !take_over(segment, path)) {
    segment.file.reset(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  }
  if (!segment.file) return file_error(errno, "Cannot make", path);
  segment.salt = random_u64();
  segments_.push_back(std::move(segment));
  return {};
}

// The oldest segment becomes `segment`, its content stale. Readers see a gap, as if it had been deleted.
bool OutputLog::take_over(Segment& segment, const std::filesystem::path& path) {
  auto& oldest = segments_.front();
  if (oldest.extent > limits_.segment_bytes || !file_of(oldest)) return false;
  if (::rename(path_of(oldest.base).c_str(), path.c_str()) != 0) return false;
  segment.file = std::move(oldest.file);
  segment.extent = oldest.extent;
  segments_.erase(segments_.begin());
  return true;
}

Result<void> OutputLog::append(Stream stream, WallTime time, std::span<const std::byte> bytes) {
  if (bytes.empty()) return {};
  if (bytes.size() > kMaxAppend) {
    return Error{Code::too_large, "A record of " + std::to_string(bytes.size()) + " bytes is too large",
                 "outlog", false};
  }
  auto with_header = kHeader + bytes.size();
  if (segments_.empty() || (segments_.back().size > 0 &&
                            (skipped_ || segments_.back().size + with_header > limits_.segment_bytes))) {
    if (!torn_) {
      BRIG_CHECK(roll(time));
      skipped_ = false;
    }
  }
  auto& segment = segments_.back();
  BRIG_TRY(int file, file_of(segment));
  auto take_back = [&] {
    if (::ftruncate(file, static_cast<off_t>(segment.size)) != 0) return false;
    segment.extent = segment.size;
    return true;
  };
  if (torn_ && !take_back()) return file_error(errno, "Cannot mend", path_of(segment.base));
  torn_ = false;

  // The head of the segment goes with its first record.
  std::array<std::byte, kHead + kHeader> heads;
  std::size_t head = segment.size == 0 ? kHead : 0;
  if (head > 0) encode_head(segment.salt, heads.data());
  encode({static_cast<std::uint32_t>(bytes.size()), stream,
          static_cast<std::uint64_t>(std::max<std::int64_t>(time.time_since_epoch().count(), 0))},
         {segment.salt, end_}, heads.data() + head);
  std::span<const std::byte> first(heads.data(), head + kHeader);
  auto needed = first.size() + bytes.size();
  int err = 0;
  if (segment.extent > segment.size) {
    // What is stale behind a header would be taken for its bytes: the header comes last, when they are there.
    err = write_at(file, segment.size + first.size(), {}, bytes);
    if (err == 0) err = write_at(file, segment.size, first, {});
  } else {
    err = write_at(file, segment.size, first, bytes);
  }
  if (err != 0) {
    torn_ = !take_back();
    return file_error(err, "Cannot write", path_of(segment.base));
  }
  segment.size += needed;
  segment.extent = std::max(segment.extent, segment.size);
  end_ += bytes.size();
  drop_oldest();
  return {};
}

void OutputLog::skip_to(std::uint64_t offset) {
  if (offset <= end_) return;
  end_ = offset;
  skipped_ = !segments_.empty();
  // A segment that holds nothing yet would claim the skipped bytes as its own.
  if (skipped_ && segments_.back().size == 0) {
    ::unlink(path_of(segments_.back().base).c_str());
    segments_.pop_back();
    skipped_ = !segments_.empty();
  }
}

void OutputLog::drop_oldest() {
  auto total = disk_bytes();
  std::size_t drop = 0;
  while (total > limits_.total_bytes && drop + 1 < segments_.size()) {
    total -= segments_[drop].extent;
    // One that cannot be deleted is found again by the next open(), which then drops it.
    ::unlink(path_of(segments_[drop].base).c_str());
    ++drop;
  }
  segments_.erase(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(drop));
}

std::uint64_t OutputLog::begin() const {
  return segments_.empty() ? end_ : segments_.front().base;
}

std::uint64_t OutputLog::disk_bytes() const {
  std::uint64_t total = 0;
  for (auto& segment : segments_) total += segment.extent;
  return total;
}

OutputLog::Segment* OutputLog::find(std::uint64_t offset) {
  if (offset >= end_ || offset < begin()) return nullptr;
  auto after = std::upper_bound(segments_.begin(), segments_.end(), offset,
                                [](std::uint64_t o, const Segment& s) { return o < s.base; });
  return &*std::prev(after);
}

std::uint64_t OutputLog::end_of(const Segment& segment) const {
  auto next = &segment + 1;
  return next == segments_.data() + segments_.size() ? end_ : next->base;
}

void OutputLog::release() {
  for (auto& segment : segments_) segment.file.reset();
}

Reader OutputLog::read(std::uint64_t from) {
  return Reader(shared_from_this(), std::min(from, end_));
}

}  // namespace brig::outlog
