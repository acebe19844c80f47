#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "tools.hpp"

namespace brig::escape {
namespace {

Outcome failure() {
  std::string why = std::strerror(errno);
  return errno == ENOENT || errno == ENXIO || errno == ENODEV || errno == ENOTDIR ? absent(why)
                                                                                  : refused(why);
}

}  // namespace

std::string told(const char* variable) {
  const char* value = std::getenv(variable);
  return value ? value : "";
}

Outcome answer_of(long result) {
  if (result >= 0) return escaped("it answered " + std::to_string(result));
  std::string why = std::strerror(errno);
  switch (errno) {
    case ENOSYS:
    case ENODEV:
    case ENXIO:
      return absent(why);
    case EPERM:
    case EACCES:
    case EROFS:
    case ENOTTY:
    case EAFNOSUPPORT:
    case EPROTONOSUPPORT:
    case ESOCKTNOSUPPORT:
    case EOPNOTSUPP:
      return refused(why);
    default:
      return escaped("it was looked into: " + why);
  }
}

Outcome reads(const std::string& path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return failure();
  char piece[512];
  auto n = ::read(fd, piece, sizeof piece);
  int error = errno;
  ::close(fd);
  errno = error;
  if (n > 0)
    return escaped(path + " begins with " + std::string(piece, std::min<std::size_t>(40, std::size_t(n))));
  return n == 0 ? refused(path + " is empty") : refused(std::strerror(errno));
}

Outcome writes(const std::string& path) {
  int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0 && errno == ETXTBSY) return escaped(path + " could be written if nobody ran it");
  if (fd < 0) return failure();
  ::close(fd);
  return escaped(path + " opened for writing");
}

Outcome makes(const std::string& path) {
  int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return failure();
  ::close(fd);
  ::unlink(path.c_str());
  return escaped(path + " was made");
}

std::string content(const std::string& path, std::size_t most) {
  std::string out;
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return out;
  char piece[16384];
  for (ssize_t n; out.size() < most && (n = ::read(fd, piece, sizeof piece)) > 0;)
    out.append(piece, static_cast<std::size_t>(n));
  ::close(fd);
  return out;
}

std::string own_name(const std::string& stem) {
  return "/tmp/" + stem + "." + std::to_string(::getpid());
}

int dial_unix(const std::string& path) {
  int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (fd < 0 || path.size() >= sizeof to.sun_path) return -1;
  std::memcpy(to.sun_path, path.data(), path.size());
  if (path[0] == '@') to.sun_path[0] = 0;
  auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (path[0] != '@'));
  return connected(fd, reinterpret_cast<sockaddr*>(&to), size);
}

Outcome connects_to_unix(const std::string& path) {
  int fd = dial_unix(path);
  if (fd < 0) return failure();
  ::close(fd);
  return escaped("connected to " + path);
}

}  // namespace brig::escape
