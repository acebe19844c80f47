#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "tools.hpp"

namespace brig::escape {

sockaddr_storage address_of(const std::string& address, std::uint16_t port, socklen_t& size) {
  sockaddr_storage out{};
  auto& v4 = reinterpret_cast<sockaddr_in&>(out);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(out);
  if (::inet_pton(AF_INET, address.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    size = sizeof v4;
  } else if (::inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    size = sizeof v6;
  } else {
    std::abort();
  }
  return out;
}

int connected(int fd, const sockaddr* to, socklen_t size) {
  timeval patience{15, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (::connect(fd, to, size) == 0) return fd;
  int error = errno;
  ::close(fd);
  errno = error;
  return -1;
}

int dial(const std::string& address, std::uint16_t port) {
  socklen_t size = 0;
  auto to = address_of(address, port, size);
  int fd = ::socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  return connected(fd, reinterpret_cast<sockaddr*>(&to), size);
}

Outcome connects(const std::string& address, std::uint16_t port) {
  int fd = dial(address, port);
  if (fd < 0) return refused(std::strerror(errno));
  ::close(fd);
  return escaped("connected to " + address);
}

Outcome sends_datagram(const std::string& address, std::uint16_t port) {
  socklen_t size = 0;
  auto to = address_of(address, port, size);
  int fd = ::socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return refused(std::strerror(errno));
  auto n = ::sendto(fd, kSmuggled.data(), kSmuggled.size(), 0, reinterpret_cast<sockaddr*>(&to), size);
  std::string why = std::strerror(errno);
  ::close(fd);
  return n < 0 ? refused(why) : escaped("sent to " + address);
}

void send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    auto n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

std::string hear(int fd, std::size_t most) {
  std::string out;
  char piece[4096];
  for (ssize_t n; out.size() < most && (n = ::recv(fd, piece, sizeof piece, 0)) > 0;)
    out.append(piece, static_cast<std::size_t>(n));
  return out;
}

std::string hear_until(int fd, std::string_view word) {
  std::string out;
  char piece[4096];
  while (out.find(word) == std::string::npos && out.size() < 64 * 1024) {
    auto n = ::recv(fd, piece, sizeof piece, 0);
    if (n <= 0) break;
    out.append(piece, static_cast<std::size_t>(n));
  }
  return out;
}

}  // namespace brig::escape
