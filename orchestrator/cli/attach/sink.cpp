#include "cli/attach/sink.hpp"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

namespace brig::cli {
namespace {

constexpr const char* kBrokenPipe = "output: broken pipe";

}  // namespace

Outlet::Outlet(int fd) : fd_(fd) {
  struct stat st {};
  if (::fstat(fd, &st) != 0) return;
  if (S_ISREG(st.st_mode)) way_ = Way::plain_file;
  if (S_ISSOCK(st.st_mode)) way_ = Way::socket;
  if (S_ISFIFO(st.st_mode) || (S_ISCHR(st.st_mode) && ::isatty(fd))) {
    // A new description of the same pipe: O_NONBLOCK on it does not show in the shell's.
    std::string path = "/proc/self/fd/" + std::to_string(fd);
    reopened_.reset(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (reopened_) way_ = Way::reopened;
  }
}

Result<std::size_t> Outlet::write(std::span<const iovec> parts) {
  ssize_t n = 0;
  if (way_ == Way::socket) {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(parts.data());
    message.msg_iovlen = parts.size();
    n = ::sendmsg(fd_, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  } else if (way_ == Way::piecewise) {
    pollfd p{fd_, POLLOUT, 0};
    if (::poll(&p, 1, 0) == 0) return std::size_t{0};
    n = ::write(fd_, parts[0].iov_base, std::min<std::size_t>(parts[0].iov_len, PIPE_BUF));
  } else {
    n = ::writev(fd(), parts.data(), static_cast<int>(std::min<std::size_t>(parts.size(), IOV_MAX)));
  }
  if (n >= 0) return static_cast<std::size_t>(n);
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return std::size_t{0};
  if (errno == EPIPE || errno == ECONNRESET)
    return Error{Code::cancelled, "nobody reads the output any more", kBrokenPipe, false};
  return errno_error(errno, fd_ == 1 ? "cannot write to standard output" : "cannot write to standard error",
                     "output");
}

void Sink::add(int which, std::string_view bytes) {
  if (bytes.empty()) return;
  if (empty()) first_ = count_ = 0;
  which_ = which;
  queue_[count_++] = {const_cast<char*>(bytes.data()), bytes.size()};
}

Result<void> Sink::flush() {
  auto& outlet = outlets_[static_cast<std::size_t>(which_ - 1)];
  while (!empty()) {
    BRIG_TRY(std::size_t n, outlet.write({queue_.data() + first_, count_ - first_}));
    if (n == 0) return {};
    while (n > 0) {
      auto& part = queue_[first_];
      std::size_t whole = std::min(n, part.iov_len);
      part.iov_base = static_cast<char*>(part.iov_base) + whole;
      part.iov_len -= whole;
      n -= whole;
      if (part.iov_len == 0) ++first_;
    }
  }
  first_ = count_ = 0;
  return {};
}

bool is_broken_pipe(const Error& error) {
  return error.where == kBrokenPipe;
}

}  // namespace brig::cli
