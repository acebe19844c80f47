#include "api/http/listener.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "core/log.hpp"
#include "core/text.hpp"

namespace brig::api {
namespace {

constexpr int kBacklog = 256;
constexpr Millis kPause{100};

Error invalid(std::string message) {
  return Error{Code::invalid, std::move(message), "api: listen", false};
}

Result<sockaddr_un> unix_address(const std::filesystem::path& path) {
  sockaddr_un out{};
  out.sun_family = AF_UNIX;
  auto text = path.string();
  if (text.empty() || text.size() >= sizeof out.sun_path)
    return invalid("the API's socket path " + brig::quoted(text) + " must have 1 to " +
                   std::to_string(sizeof out.sun_path - 1) + " bytes");
  std::memcpy(out.sun_path, text.data(), text.size());
  return out;
}

// A socket file left by a brigd that is gone makes room; one that answers does not.
Result<void> make_room(const std::filesystem::path& path, const sockaddr_un& address) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return {};
  if (!S_ISSOCK(status.st_mode))
    return Error{Code::conflict,
                 brig::quoted(path.string()) + " is in the way of the API's socket; move it away",
                 "api: listen", false};
  UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  int rc = ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  if (rc == 0 || errno == EAGAIN)
    return Error{
        Code::conflict,
        "another brigd listens on " + brig::quoted(path.string()) + "; stop it or choose another socket",
        "api: listen", false};
  if (::unlink(path.c_str()) != 0)
    return errno_error(errno, "cannot replace " + brig::quoted(path.string()), "api: listen");
  return {};
}

Result<UniqueFd> share(int given) {
  UniqueFd fd(::fcntl(given, F_DUPFD_CLOEXEC, 0));
  if (!fd) return errno_error(errno, "cannot use a socket that was given", "api: listen");
  return fd;
}

// Who may connect, as the configuration has it.
Result<void> open_to(const UnixListener& where) {
  auto path = brig::quoted(where.path.string());
  if (where.group && ::chown(where.path.c_str(), static_cast<uid_t>(-1), *where.group) != 0)
    return errno_error(errno, "cannot give the API's socket " + path + " to its group", "api: listen");
  if (::chmod(where.path.c_str(), where.group ? 0660 : 0600) != 0)
    return errno_error(errno, "cannot protect the API's socket " + path, "api: listen");
  return {};
}

std::string address_text(const sockaddr_storage& address) {
  std::array<char, INET6_ADDRSTRLEN> out{};
  if (address.ss_family == AF_INET)
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(address).sin_addr, out.data(), out.size());
  if (address.ss_family == AF_INET6)
    ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr, out.data(), out.size());
  return out.data();
}

}  // namespace

Result<UniqueFd> listen_unix(const UnixListener& where) {
  if (where.given >= 0) {
    BRIG_CHECK(open_to(where));
    return share(where.given);
  }
  BRIG_TRY(auto address, unix_address(where.path));
  BRIG_CHECK(make_room(where.path, address));
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return errno_error(errno, "cannot make the API's socket", "api: listen");
  // The file takes its mode from the socket's own; nobody else can connect between bind and chmod.
  if (::fchmod(fd.get(), 0600) != 0)
    return errno_error(errno, "cannot protect the API's socket", "api: listen");
  auto path = brig::quoted(where.path.string());
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return errno_error(errno, "cannot make the API's socket " + path, "api: listen");
  BRIG_CHECK(open_to(where));
  if (::listen(fd.get(), kBacklog) != 0) return errno_error(errno, "cannot listen on " + path, "api: listen");
  return fd;
}

Result<UniqueFd> listen_tcp(const TcpListener& where) {
  if (where.given >= 0) return share(where.given);
  sockaddr_storage address{};
  socklen_t size = 0;
  auto& v4 = reinterpret_cast<sockaddr_in&>(address);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(address);
  if (::inet_pton(AF_INET, where.address.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(where.port);
    size = sizeof v4;
  } else if (::inet_pton(AF_INET6, where.address.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(where.port);
    size = sizeof v6;
  } else {
    return invalid("the API's address " + brig::quoted(where.address) + " is not an IPv4 or IPv6 address");
  }
  UniqueFd fd(::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return errno_error(errno, "cannot make the API's TCP socket", "api: listen");
  int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  auto shown = where.address + " port " + std::to_string(where.port);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0)
    return errno_error(errno, "cannot bind the API to " + shown, "api: listen");
  if (::listen(fd.get(), kBacklog) != 0)
    return errno_error(errno, "cannot listen on " + shown, "api: listen");
  return fd;
}

std::uint16_t port_of(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  if (address.ss_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
  if (address.ss_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  return 0;
}

Result<Peer> tcp_peer(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    return errno_error(errno, "cannot tell who calls", "api: peer");
  int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  Peer out;
  out.address = address_text(address);
  return out;
}

net::Task<void> accept_loop(int fd, std::function<void(UniqueFd)> take) {
  boost::asio::posix::stream_descriptor waiter(co_await boost::asio::this_coro::executor, fd);
  struct Release {  // the descriptor is the Server's
    boost::asio::posix::stream_descriptor& waiter;
    ~Release() { waiter.release(); }
  } release{waiter};
  for (;;) {
    UniqueFd connection(::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (connection) {
      take(std::move(connection));
      continue;
    }
    int err = errno;
    if (err == EAGAIN) {
      auto [ec] =
          co_await waiter.async_wait(boost::asio::posix::stream_descriptor::wait_read, net::use_result);
      if (ec) co_return;
    } else if (err != ECONNABORTED && err != EINTR) {
      log::warn("cannot accept a connection", {{"error", errno_error(err, "accept")}});
      co_await net::sleep_for(kPause);
    }
  }
}

}  // namespace brig::api
