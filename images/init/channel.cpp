#include "init/channel.hpp"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "init/system.hpp"

namespace brig::init {

bool Channel::open(std::uint32_t id, int fd, std::uint16_t port) {
  buffer_ = map_memory(link::kMaxPayload);
  if (!buffer_ || !in_.open(link::kChannelWindow, 0)) {
    unmap_memory(buffer_, link::kMaxPayload);
    buffer_ = nullptr;
    return false;
  }
  id_ = id;
  fd_ = fd;
  port_ = port;
  connecting_ = true;
  credit_ = link::kChannelWindow;
  return true;
}

void Channel::release() {
  if (fd_ >= 0) ::close(fd_);
  in_.close();
  unmap_memory(buffer_, link::kMaxPayload);
  buffer_ = nullptr;
  fd_ = -1;
  id_ = 0;
  error_ = 0;
  length_ = credit_ = 0;
  consumed_ = 0;
  tried_ipv6_ = connecting_ = opened_due_ = readable_ = writable_ = false;
  in_ended_ = in_shut_ = out_ended_ = end_told_ = failed_ = quiet_ = false;
}

void Channel::fail(int error) {
  failed_ = true;
  error_ = error;
  length_ = 0;
}

void Channel::on_writable(bool& new_fd) {
  writable_ = true;
  if (!connecting_) {
    flush();
    return;
  }
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error == 0) {
    sockaddr_storage peer;
    size = sizeof peer;
    if (::getpeername(fd_, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return;  // not yet
    connecting_ = false;
    opened_due_ = true;
    readable_ = true;
    flush();
    return;
  }
  if (tried_ipv6_) {
    fail(ECONNREFUSED);
    return;
  }
  tried_ipv6_ = true;
  int fd = system::connect_port(port_, true);
  if (fd < 0) {
    fail(error);
    return;
  }
  ::close(fd_);
  fd_ = fd;
  new_fd = true;
}

bool Channel::take(std::span<const std::byte> bytes) {
  if (failed_) return true;
  if (in_ended_ || bytes.size() + consumed_ > in_.room()) return false;
  in_.append(bytes);
  flush();
  return true;
}

void Channel::take_end() {
  in_ended_ = true;
  flush();
}

bool Channel::take_credit(std::uint64_t more) {
  if (more > link::kChannelWindow - credit_) return false;
  credit_ += static_cast<std::size_t>(more);
  return true;
}

void Channel::flush() {
  while (!connecting_ && !failed_ && writable_ && in_.size() > 0) {
    iovec parts[2];
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = static_cast<std::size_t>(in_.bytes(in_.begin(), in_.size(), parts));
    ssize_t n = ::sendmsg(fd_, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0) {
      in_.consume_until(in_.begin() + static_cast<std::size_t>(n));
      consumed_ += static_cast<std::uint32_t>(n);
    } else if (errno == EAGAIN) {
      writable_ = false;
    } else if (errno != EINTR) {
      fail(errno);
    }
  }
  if (in_ended_ && !in_shut_ && !connecting_ && !failed_ && in_.size() == 0) {
    ::shutdown(fd_, SHUT_WR);
    in_shut_ = true;
  }
}

bool Channel::read_ahead() {
  if (connecting_ || failed_ || out_ended_ || !readable_ || length_ > 0 || credit_ == 0) return false;
  std::size_t want = credit_ < link::kMaxPayload ? credit_ : link::kMaxPayload;
  ssize_t n = ::recv(fd_, buffer_, want, MSG_DONTWAIT);
  if (n > 0) {
    length_ = static_cast<std::size_t>(n);
    credit_ -= length_;
    return true;
  }
  if (n == 0) {
    out_ended_ = true;
    return true;
  }
  if (errno == EAGAIN) {
    readable_ = false;
  } else if (errno != EINTR) {
    fail(errno);
  }
  return failed_;
}

bool Channel::take_opened() {
  bool due = opened_due_;
  opened_due_ = false;
  return due;
}

std::uint32_t Channel::take_consumed() {
  std::uint32_t n = consumed_;
  consumed_ = 0;
  return n;
}

bool Channel::take_end_due() {
  if (!out_ended_ || end_told_ || length_ > 0) return false;
  end_told_ = true;
  return true;
}

void Channel::close_quietly() {
  quiet_ = true;
  fail(0);
}

bool Channel::over() const {
  return failed_ || (end_told_ && in_shut_ && length_ == 0);
}

}  // namespace brig::init
