#include "init/output.hpp"

#include <sys/mman.h>

namespace brig::init {

bool Output::open() {
  if (!ring_.open(link::kOutputWindow, 0)) return false;
  run_ = reinterpret_cast<std::uint32_t*>(map_memory(kMaxRuns * sizeof(std::uint32_t)));
  if (!run_) {
    ring_.close();
    return false;
  }
  first_run_ = runs_ = send_run_ = send_at_ = 0;
  runs_begin_ = sent_ = 0;
  return true;
}

void Output::close() {
  ring_.close();
  unmap_memory(reinterpret_cast<std::byte*>(run_), kMaxRuns * sizeof(std::uint32_t));
  run_ = nullptr;
  runs_ = 0;
}

ssize_t Output::read_from(int fd, link::Stream stream) {
  iovec parts[2];
  std::size_t want = ring_.room() < 65536 ? ring_.room() : 65536;
  int count = ring_.space(want, parts);
  ssize_t n = ::readv(fd, parts, count);
  if (n <= 0) return n;
  ring_.produce(static_cast<std::size_t>(n));
  auto length = static_cast<std::uint32_t>(n);
  std::uint32_t bit = stream == link::Stream::err ? kErrBit : 0;
  // A run never outgrows the window: what it covers is acknowledged from its front only as a whole.
  if (runs_ > 0) {
    std::uint32_t& last = run(runs_ - 1);
    if ((last & kErrBit) == bit && length_of(last) < link::kOutputWindow) {
      last += length;
      return n;
    }
  }
  run(runs_++) = length | bit;
  runs_touched_ = true;
  return n;
}

std::size_t Output::next(std::size_t max, link::Stream& stream) const {
  if (sent_ == end()) return 0;
  std::uint32_t index = send_run_, at = send_at_;
  if (at == length_of(run(index))) {
    ++index;
    at = 0;
  }
  std::uint32_t current = run(index);
  stream = (current & kErrBit) ? link::Stream::err : link::Stream::out;
  std::size_t left = length_of(current) - at;
  return left < max ? left : max;
}

void Output::mark_sent(std::size_t length) {
  if (send_at_ == length_of(run(send_run_))) {
    ++send_run_;
    send_at_ = 0;
  }
  sent_ += length;
  send_at_ += static_cast<std::uint32_t>(length);
}

void Output::drop_runs(std::uint64_t until) {
  // The run that sending stands in stays, so that send_run_ remains valid.
  while (runs_ > 0 && runs_begin_ + length_of(run(0)) <= until && (send_run_ > 0 || runs_ == 1)) {
    if (runs_ == 1 && sent_ != end()) break;
    runs_begin_ += length_of(run(0));
    first_run_ = (first_run_ + 1) % kMaxRuns;
    --runs_;
    if (send_run_ > 0) {
      --send_run_;
    } else {
      send_at_ = 0;
    }
  }
}

bool Output::acknowledge(std::uint64_t offset) {
  if (offset > sent_) return false;
  if (offset <= begin()) return true;
  ring_.consume_until(offset);
  drop_runs(offset);
  return true;
}

void Output::seek(std::uint64_t offset) {
  sent_ = offset;
  send_run_ = 0;
  std::uint64_t at = runs_begin_;
  while (send_run_ + 1 < runs_ && at + length_of(run(send_run_)) <= offset) at += length_of(run(send_run_++));
  send_at_ = static_cast<std::uint32_t>(offset - at);
}

bool Output::resume(std::uint64_t held) {
  if (held > end()) return false;
  std::uint64_t from = held < begin() ? begin() : held;
  seek(from);
  return acknowledge(from);
}

void Output::trim() {
  ring_.trim();
  if (runs_touched_ && runs_ == 0) {
    ::madvise(run_, kMaxRuns * sizeof(std::uint32_t), MADV_DONTNEED);
    runs_touched_ = false;
  }
}

}  // namespace brig::init
