#include "init/stdin_sink.hpp"

#include <errno.h>
#include <unistd.h>

#include "init/system.hpp"

namespace brig::init {

void StdinSink::open(int fd, bool terminal) {
  fd_ = fd;
  terminal_ = terminal;
  writable_ = true;
  eof_ = false;
  gone_ = fd < 0;
  eof_marks_left_ = 0;
  last_ = '\n';
  received_ = consumed_ = 0;
}

void StdinSink::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  ring_.close();
}

void StdinSink::give_up() {
  if (gone_) return;
  gone_ = true;
  consumed_ = received_;
  close();
}

std::size_t StdinSink::write_some(const iovec* parts, int count) {
  ssize_t n = ::writev(fd_, parts, count);
  if (n < 0) {
    if (errno == EAGAIN || errno == EINTR) {
      writable_ = errno == EINTR;
    } else {
      give_up();
    }
    return 0;
  }
  if (n == 0) {
    writable_ = false;
    return 0;
  }
  auto done = static_cast<std::size_t>(n);
  const iovec& last = done > parts[0].iov_len ? parts[1] : parts[0];
  std::size_t before = done > parts[0].iov_len ? parts[0].iov_len : 0;
  last_ = static_cast<const char*>(last.iov_base)[done - before - 1];
  consumed_ += done;
  return done;
}

bool StdinSink::take(std::uint64_t offset, std::span<const std::byte> bytes) {
  if (offset > received_ || bytes.size() > link::kMaxOffset - offset) return false;
  std::uint64_t end = offset + bytes.size();
  if (end <= received_) return true;
  if (eof_) return false;
  if (end - consumed_ > link::kStdinWindow) return false;
  bytes = bytes.subspan(static_cast<std::size_t>(received_ - offset));
  received_ = end;
  if (gone_) {
    consumed_ = received_;
    return true;
  }
  while (!bytes.empty() && !gone_ && writable_ && ring_.size() == 0) {
    iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
    bytes = bytes.subspan(write_some(&part, 1));
  }
  if (gone_ || bytes.empty()) return true;
  if (!ring_.is_open() && !ring_.open(link::kStdinWindow, consumed_)) {
    give_up();  // no memory for a buffer: as good as nobody reading
    return true;
  }
  // While the ring was empty bytes went past it.
  if (ring_.size() == 0) ring_.restart(consumed_);
  ring_.append(bytes);
  return true;
}

void StdinSink::pump() {
  while (writable_ && fd_ >= 0 && ring_.size() > 0) {
    iovec parts[2];
    int count = ring_.bytes(ring_.begin(), ring_.size(), parts);
    std::size_t n = write_some(parts, count);
    if (fd_ < 0) return;
    ring_.consume_until(ring_.begin() + n);
  }
  if (eof_ && fd_ >= 0 && ring_.size() == 0) finish();
}

bool StdinSink::take_eof(std::uint64_t offset) {
  if (offset != received_) return eof_ && offset < received_;
  if (eof_ || gone_) return true;
  eof_ = true;
  if (terminal_) {
    // On a line not ended yet, the first mark only hands the line over.
    char last = ring_.size() > 0 ? ring_.last() : last_;
    eof_marks_left_ = last == '\n' ? 1 : 2;
  }
  pump();
  return true;
}

void StdinSink::finish() {
  if (!terminal_) {
    close();
    return;
  }
  while (eof_marks_left_ > 0) {
    char mark = 4;
    bool heeded = system::eof_character(fd_, mark);
    ssize_t n = ::write(fd_, &mark, 1);
    if (n < 0 && errno == EAGAIN) {
      writable_ = false;
      return;
    }
    if (!heeded) eof_marks_left_ = 1;  // a program that reads raw sees the character itself, once
    --eof_marks_left_;
  }
}

}  // namespace brig::init
