#include "daemon/sockets.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdlib>

#include "core/text.hpp"

namespace brig::daemon {
namespace {

constexpr int kFirst = 3;  // where systemd puts them
constexpr int kMost = 16;

Error refuse(std::string message) {
  return Error{Code::invalid, std::move(message), "brigd: sockets", false};
}

std::string text_of(const in_addr& address, in_port_t port) {
  std::array<char, INET_ADDRSTRLEN> out{};
  ::inet_ntop(AF_INET, &address, out.data(), out.size());
  return std::string(out.data()) + ":" + std::to_string(ntohs(port));
}

std::string text_of(const in6_addr& address, in_port_t port) {
  std::array<char, INET6_ADDRSTRLEN> out{};
  ::inet_ntop(AF_INET6, &address, out.data(), out.size());
  return "[" + std::string(out.data()) + "]:" + std::to_string(ntohs(port));
}

// Where a socket listens; an error if it does not, or is none.
Result<std::string> listens_at(int fd) {
  auto name = "descriptor " + std::to_string(fd) + " from systemd ";
  int type = 0, listening = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0)
    return errno_error(errno, name + "is no socket", "brigd: sockets");
  size = sizeof listening;
  if (type != SOCK_STREAM || ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 ||
      !listening)
    return refuse(name + "is no listening stream socket; brigd.socket wants ListenStream= and Accept=no");
  sockaddr_storage address{};
  size = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    return errno_error(errno, "cannot tell where " + name + "listens", "brigd: sockets");
  if (address.ss_family == AF_INET) {
    auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    return text_of(v4.sin_addr, v4.sin_port);
  }
  if (address.ss_family == AF_INET6) {
    auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    return text_of(v6.sin6_addr, v6.sin6_port);
  }
  auto& local = reinterpret_cast<const sockaddr_un&>(address);
  if (address.ss_family != AF_UNIX || size <= offsetof(sockaddr_un, sun_path) || local.sun_path[0] != '/')
    return refuse(name + "listens neither on a socket file nor on TCP");
  return std::string(local.sun_path, ::strnlen(local.sun_path, size - offsetof(sockaddr_un, sun_path)));
}

}  // namespace

Result<GivenSockets> GivenSockets::take() {
  GivenSockets out;
  auto value = [](const char* name) {
    const char* text = std::getenv(name);
    return std::string(text ? text : "");
  };
  auto count = value("LISTEN_FDS"), pid = value("LISTEN_PID");
  for (const char* name : {"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"}) ::unsetenv(name);
  // Another's, inherited by way of us.
  if (count.empty() || pid != std::to_string(::getpid())) return out;
  int number = 0;
  auto [end, error] = std::from_chars(count.data(), count.data() + count.size(), number);
  if (error != std::errc() || end != count.data() + count.size() || number < 0 || number > kMost)
    return refuse("LISTEN_FDS=" + brig::quoted(count) + " is not a number of up to " + std::to_string(kMost) +
                  " sockets");
  for (int fd = kFirst; fd < kFirst + number; ++fd) {
    UniqueFd held(fd);
    BRIG_TRY(auto where, listens_at(fd));
    if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || ::fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
      return errno_error(errno, "cannot prepare the socket " + brig::quoted(where), "brigd: sockets");
    out.given_.push_back({std::move(held), std::move(where)});
  }
  return out;
}

int GivenSockets::claim(const std::filesystem::path& socket) {
  return claim_text(socket.native());
}

int GivenSockets::claim(const std::string& address, std::uint16_t port) {
  in_addr v4{};
  if (::inet_pton(AF_INET, address.c_str(), &v4) == 1) return claim_text(text_of(v4, htons(port)));
  in6_addr v6{};
  if (::inet_pton(AF_INET6, address.c_str(), &v6) == 1) return claim_text(text_of(v6, htons(port)));
  return -1;
}

int GivenSockets::claim_text(const std::string& where) {
  for (auto& given : given_) {
    if (given.claimed || given.where != where) continue;
    given.claimed = true;
    return given.fd.get();
  }
  return -1;
}

Result<void> GivenSockets::check_claimed() const {
  std::string left;
  for (const auto& given : given_) {
    if (!given.claimed) left += (left.empty() ? "" : ", ") + brig::quoted(given.where);
  }
  if (left.empty()) return {};
  return refuse(
      "systemd listens for us at " + left +
      ", where the configuration wants nothing (service.socket, api.tcp.listen, preview.listen): make "
      "ListenStream= of brigd.socket and the configuration the same");
}

}  // namespace brig::daemon
