#include "harness/ping.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <string>
#include <string_view>

#include "core/unique_fd.hpp"

namespace brig::harness {

bool engine_answers(const std::filesystem::path& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = socket.string();
  if (path.size() >= sizeof address.sun_path) return false;
  path.copy(address.sun_path, path.size());
  UniqueFd s(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(s.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return false;
  pollfd p{s.get(), POLLIN, 0};
  constexpr std::string_view kAsk = "GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n";
  if (::send(s.get(), kAsk.data(), kAsk.size(), MSG_NOSIGNAL) < 0 || ::poll(&p, 1, 2000) <= 0) return false;
  std::array<char, 12> answer{};
  return ::recv(s.get(), answer.data(), answer.size(), MSG_WAITALL) == 12 &&
         std::string_view(answer.data(), 12) == "HTTP/1.1 200";
}

}  // namespace brig::harness
