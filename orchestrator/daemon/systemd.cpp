#include "daemon/systemd.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <cstring>

#include "core/unique_fd.hpp"

namespace brig::daemon {
namespace {

std::optional<std::int64_t> number_of(const char* variable) {
  const char* text = std::getenv(variable);
  if (!text) return std::nullopt;
  std::int64_t out = 0;
  auto* end = text + std::strlen(text);
  auto [at, error] = std::from_chars(text, end, out);
  return error == std::errc() && at == end && out > 0 ? std::optional(out) : std::nullopt;
}

}  // namespace

void notify(std::string_view state) {
  const char* where = std::getenv("NOTIFY_SOCKET");
  if (!where || (where[0] != '/' && where[0] != '@')) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  auto size = std::strlen(where);
  if (size >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, where, size);
  if (where[0] == '@') address.sun_path[0] = '\0';
  UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return;
  auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size);
  (void)!::sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<sockaddr*>(&address),
                  length);
}

std::optional<Millis> watchdog_limit() {
  auto microseconds = number_of("WATCHDOG_USEC");
  if (!microseconds) return std::nullopt;
  // Inherited from somebody else's service, it is not about us.
  if (std::getenv("WATCHDOG_PID") && number_of("WATCHDOG_PID") != ::getpid()) return std::nullopt;
  return Millis{std::max<std::int64_t>(1, *microseconds / 1000)};
}

}  // namespace brig::daemon
