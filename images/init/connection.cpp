#include "init/connection.hpp"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "init/ring.hpp"

namespace brig::init {

bool Connection::reserve() {
  in_ = map_memory(kInSize);
  out_ = map_memory(kOutSize);
  return in_ && out_;
}

void Connection::release() {
  unmap_memory(in_, kInSize);
  unmap_memory(out_, kOutSize);
  in_ = out_ = nullptr;
}

void Connection::open(int fd) {
  fd_ = fd;
  readable_ = writable_ = true;
  in_begin_ = in_end_ = out_begin_ = out_end_ = 0;
  data_left_ = 0;
  data_begun_ = false;
}

void Connection::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  in_begin_ = in_end_ = out_begin_ = out_end_ = 0;
  data_left_ = 0;
}

Connection::Got Connection::receive() {
  if (!readable_) return Got::none;
  if (in_begin_ > 0) {
    memmove(in_, in_ + in_begin_, in_end_ - in_begin_);
    in_end_ -= in_begin_;
    in_begin_ = 0;
  }
  if (in_end_ == kInSize) return Got::none;  // replies are waiting for room
  ssize_t n = ::recv(fd_, in_ + in_end_, kInSize - in_end_, MSG_DONTWAIT);
  if (n > 0) {
    in_end_ += static_cast<std::size_t>(n);
    in_touched_ = true;
    return Got::bytes;
  }
  if (n < 0 && errno == EINTR) return Got::none;
  if (n < 0 && errno == EAGAIN) {
    readable_ = false;
    return Got::none;
  }
  return Got::closed;
}

link::Status Connection::next(link::Frame& frame, link::Fault& fault) {
  std::span<const std::byte> rest(in_ + in_begin_, in_end_ - in_begin_);
  link::Status status = link::next_frame(rest, link::Sender::brigd, frame, fault);
  in_begin_ = in_end_ - rest.size();
  return status;
}

void Connection::wipe(const link::Frame& frame) {
  explicit_bzero(const_cast<std::byte*>(frame.payload.data()), frame.payload.size());
}

void Connection::put(const link::Header& header, std::span<const std::byte> payload) {
  link::Header whole = header;
  whole.length = static_cast<std::uint16_t>(payload.size());
  link::encode(whole, out_ + out_end_);
  if (!payload.empty()) memcpy(out_ + out_end_ + link::kHeaderSize, payload.data(), payload.size());
  out_end_ += link::kHeaderSize + payload.size();
}

void Connection::start_data(const link::Header& header, const iovec* parts, int count) {
  data_ = header;
  link::encode(header, data_head_);
  data_part_[0] = {data_head_, sizeof data_head_};
  data_left_ = sizeof data_head_;
  for (int i = 0; i < count; ++i) {
    data_part_[i + 1] = parts[i];
    data_left_ += parts[i].iov_len;
  }
  data_first_ = 0;
  data_count_ = count + 1;
  data_begun_ = false;
}

Connection::Sent Connection::send() {
  if (idle()) return Sent::all;
  if (!writable_) return Sent::blocked;
  iovec parts[4];
  int count = 0;
  std::size_t control = out_end_ - out_begin_;
  // Whole frames only: a data frame that has begun goes first, otherwise what was queued before it.
  auto add_data = [&] {
    if (data_left_ == 0) return;
    for (int i = data_first_; i < data_count_; ++i) parts[count++] = data_part_[i];
  };
  if (data_begun_) add_data();
  if (control > 0) parts[count++] = {out_ + out_begin_, control};
  if (!data_begun_) add_data();

  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = static_cast<std::size_t>(count);
  ssize_t n = ::sendmsg(fd_, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n < 0) {
    if (errno == EINTR) return Sent::data;
    if (errno != EAGAIN) return Sent::broken;
    writable_ = false;
    return Sent::blocked;
  }
  auto left = static_cast<std::size_t>(n);
  auto take_control = [&] {
    std::size_t took = left < control ? left : control;
    out_begin_ += took;
    left -= took;
    if (out_begin_ == out_end_) out_begin_ = out_end_ = 0;
  };
  if (!data_begun_) take_control();
  if (left > 0 && data_left_ > 0) {
    data_begun_ = true;
    while (left > 0 && data_first_ < data_count_) {
      iovec& part = data_part_[data_first_];
      std::size_t took = left < part.iov_len ? left : part.iov_len;
      part.iov_base = static_cast<std::byte*>(part.iov_base) + took;
      part.iov_len -= took;
      left -= took;
      data_left_ -= took;
      if (part.iov_len == 0) ++data_first_;
    }
    if (data_left_ == 0) data_begun_ = false;
  }
  if (left > 0) take_control();
  return Sent::data;
}

void Connection::trim() {
  if (!in_touched_ || in_begin_ != in_end_) return;
  ::madvise(in_, kInSize, MADV_DONTNEED);
  in_begin_ = in_end_ = 0;
  in_touched_ = false;
}

}  // namespace brig::init
