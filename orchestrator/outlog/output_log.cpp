#include "outlog/output_log.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "core/text.hpp"
#include "outlog/record.hpp"

namespace brig::outlog {

namespace {

constexpr std::size_t kDigits = 20;
constexpr std::string_view kSuffix = ".log";

Error file_error(int err, std::string_view doing, const std::filesystem::path& path) {
  auto error =
      errno_error(err, std::string(doing) + " the output log " + brig::quoted(path.native(), 200), "outlog");
  if (error.code == Code::exhausted) error.message += "; free space in the state directory";
  return error;
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
    segment.size = static_cast<std::uint64_t>(st.st_size);
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
  auto end = walk(file, segment.size, segment.base, std::numeric_limits<std::uint64_t>::max());
  if (end.file_offset < segment.size && ::ftruncate(file, static_cast<off_t>(end.file_offset)) != 0) {
    return file_error(errno, "Cannot shorten", path_of(segment.base));
  }
  segment.size = end.file_offset;
  end_ = end.offset;
  return {};
}

Result<int> OutputLog::file_of(Segment& segment) {
  if (!segment.file) {
    auto path = path_of(segment.base);
    segment.file.reset(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (!segment.file) return file_error(errno, "Cannot open", path);
  }
  return segment.file.get();
}

Result<void> OutputLog::roll() {
  auto path = path_of(end_);
  Segment segment;
  segment.base = end_;
  segment.file.reset(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!segment.file) return file_error(errno, "Cannot make", path);
  segments_.push_back(std::move(segment));
  return {};
}

Result<void> OutputLog::append(Stream stream, WallTime time, std::span<const std::byte> bytes) {
  if (bytes.empty()) return {};
  if (bytes.size() > kMaxAppend) {
    return Error{Code::too_large, "A record of " + std::to_string(bytes.size()) + " bytes is too large",
                 "outlog", false};
  }
  auto needed = kHeader + bytes.size();
  if (segments_.empty() ||
      (segments_.back().size > 0 && (skipped_ || segments_.back().size + needed > limits_.segment_bytes))) {
    if (!torn_) {
      BRIG_CHECK(roll());
      skipped_ = false;
    }
  }
  auto& segment = segments_.back();
  BRIG_TRY(int file, file_of(segment));
  auto take_back = [&] { return ::ftruncate(file, static_cast<off_t>(segment.size)) == 0; };
  if (torn_ && !take_back()) return file_error(errno, "Cannot mend", path_of(segment.base));
  torn_ = false;

  std::array<std::byte, kHeader> header;
  encode({static_cast<std::uint32_t>(bytes.size()), stream,
          static_cast<std::uint64_t>(std::max<std::int64_t>(time.time_since_epoch().count(), 0))},
         end_, header.data());
  std::size_t done = 0;
  while (done < needed) {
    std::array<iovec, 2> parts{};
    int count = 0;
    if (done < kHeader) parts[0] = {header.data() + done, kHeader - done}, count = 1;
    auto skip = done > kHeader ? done - kHeader : 0;
    parts[static_cast<std::size_t>(count++)] = {const_cast<std::byte*>(bytes.data()) + skip,
                                                bytes.size() - skip};
    auto n = ::pwritev(file, parts.data(), count, static_cast<off_t>(segment.size + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      int err = n < 0 ? errno : ENOSPC;
      torn_ = !take_back();
      return file_error(err, "Cannot write", path_of(segment.base));
    }
    done += static_cast<std::size_t>(n);
  }
  segment.size += needed;
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
    total -= segments_[drop].size;
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
  for (auto& segment : segments_) total += segment.size;
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
