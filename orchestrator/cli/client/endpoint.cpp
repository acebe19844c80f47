#include "cli/client/endpoint.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "cli/client/tls.hpp"
#include "core/files.hpp"
#include "core/text.hpp"

namespace brig::cli {
namespace {

constexpr const char* kDefaultHost = "unix:///run/brig/brig.sock";

Error bad_host(const std::string& value, const char* why) {
  return Error{
      Code::invalid,
      "BRIG_HOST " + quoted(value) + " " + why + "; write unix:///path/to/brig.sock or https://host:port",
      "cli", false};
}

Result<Endpoint> parse_host(const std::string& value) {
  Endpoint endpoint;
  if (value.starts_with("unix://")) {
    endpoint.path = value.substr(7);
    if (endpoint.path.empty() || endpoint.path[0] != '/') return bad_host(value, "has no absolute path");
    if (endpoint.path.size() >= sizeof(sockaddr_un::sun_path))
      return bad_host(value, "is too long for a socket");
    return endpoint;
  }
  if (value.starts_with("http://")) return bad_host(value, "would send your token unencrypted");
  if (!value.starts_with("https://")) return bad_host(value, "is not understood");
  endpoint.tls = true;
  std::string_view rest = std::string_view(value).substr(8);
  while (!rest.empty() && rest.back() == '/') rest.remove_suffix(1);
  std::string_view host = rest;
  std::string_view port = "7543";
  auto colon = rest.rfind(':');
  if (rest.starts_with('[')) {
    auto close = rest.find(']');
    if (close == std::string_view::npos) return bad_host(value, "has no closing bracket");
    host = rest.substr(1, close - 1);
    if (close + 1 < rest.size()) {
      if (rest[close + 1] != ':') return bad_host(value, "has something odd behind the address");
      port = rest.substr(close + 2);
    }
  } else if (colon != std::string_view::npos) {
    host = rest.substr(0, colon);
    port = rest.substr(colon + 1);
  }
  auto fits = [](std::string_view text, const char* set) {
    return !text.empty() && text.find_first_not_of(set) == std::string_view::npos;
  };
  constexpr const char* kHostChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:";
  if (!fits(host, kHostChars) || host.size() > 253) return bad_host(value, "has no usable host name");
  if (!fits(port, "0123456789") || port.size() > 5) return bad_host(value, "has no usable port");
  endpoint.host = host;
  endpoint.port = port;
  return endpoint;
}

Result<Secret> find_token(const Environment& environment) {
  if (auto token = environment("BRIG_TOKEN"); token && !token->empty()) return Secret(*token);
  auto config = environment("XDG_CONFIG_HOME");
  auto home = environment("HOME");
  std::string path;
  if (config && config->starts_with('/'))
    path = *config + "/brig/token";
  else if (home && home->starts_with('/'))
    path = *home + "/.config/brig/token";
  else
    return Secret();
  struct stat st {};
  if (::stat(path.c_str(), &st) != 0) return Secret();
  if ((st.st_mode & 077) != 0) {
    return Error{Code::denied, "others can read " + quoted(path) + "; say: chmod 600 " + printable(path),
                 "cli", false};
  }
  BRIG_TRY(std::string text, read_file(path, 4096));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.pop_back();
  if (text.find_first_of("\r\n") != std::string::npos) {
    return Error{Code::invalid, quoted(path) + " holds more than one line; it should hold the token alone",
                 "cli", false};
  }
  Secret token(text);
  explicit_bzero(text.data(), text.size());
  return token;
}

Error unreachable(const Endpoint& endpoint, int err) {
  std::string at = printable(endpoint.shown());
  if (endpoint.path.empty()) {
    return Error{Code::unavailable,
                 "brigd is not reachable at " + at + ": " + std::strerror(err) +
                     "; check BRIG_HOST, and that brigd listens there ([api.tcp] listen in its brig.toml)",
                 "cli", true};
  }
  if (err == EACCES || err == EPERM) {
    return Error{Code::denied,
                 "you may not use brigd at " + at +
                     "; add yourself to the group brig: sudo usermod -aG brig $USER, then log in again",
                 "cli", false};
  }
  return Error{Code::unavailable,
               "brigd is not running or not reachable at " + at +
                   "; start it with: sudo systemctl start brigd (or deploy/up)",
               "cli", true};
}

Result<UniqueFd> connect_unix(const Endpoint& endpoint) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return errno_error(errno, "cannot make a socket", "cli");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, endpoint.path.data(), endpoint.path.size());
  while (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    if (errno == EINTR) continue;
    return unreachable(endpoint, errno);
  }
  return fd;
}

Result<UniqueFd> connect_tcp(const Endpoint& endpoint, Deadline deadline) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  int rc = ::getaddrinfo(endpoint.host.c_str(), endpoint.port.c_str(), &hints, &found);
  if (rc != 0) {
    return Error{
        Code::unavailable,
        "the host of BRIG_HOST, " + quoted(endpoint.host) + ", cannot be resolved: " + gai_strerror(rc),
        "cli", true};
  }
  std::unique_ptr<addrinfo, void (*)(addrinfo*)> guard(found, ::freeaddrinfo);
  int last = EHOSTUNREACH;
  for (auto* a = found; a; a = a->ai_next) {
    UniqueFd fd(::socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) continue;
    if (::connect(fd.get(), a->ai_addr, a->ai_addrlen) == 0) return fd;
    last = errno;
    if (last != EINPROGRESS) continue;
    pollfd p{fd.get(), POLLOUT, 0};
    if (::poll(&p, 1, static_cast<int>(deadline.left().count())) <= 0) {
      last = ETIMEDOUT;
      continue;
    }
    socklen_t size = sizeof last;
    if (::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &last, &size) == 0 && last == 0) return fd;
  }
  return unreachable(endpoint, last);
}

}  // namespace

std::optional<std::string> process_environment(const char* name) {
  const char* value = ::getenv(name);
  if (!value) return std::nullopt;
  return std::string(value);
}

std::string Endpoint::shown() const {
  if (!tls) return "unix://" + path;
  return "https://" + host_header();
}

std::string Endpoint::host_header() const {
  if (!tls) return "localhost";
  return (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + port;
}

Result<Endpoint> find_endpoint(const std::optional<std::string>& given, const Environment& environment) {
  auto host = given ? given : environment("BRIG_HOST");
  BRIG_TRY(Endpoint endpoint, parse_host(host && !host->empty() ? *host : kDefaultHost));
  if (!endpoint.tls) return endpoint;
  endpoint.ca = environment("BRIG_CA").value_or("");
  BRIG_TRY(endpoint.token, find_token(environment));
  if (endpoint.token.empty()) {
    return Error{Code::unauthenticated,
                 "a token is needed for " + printable(endpoint.shown()) +
                     "; set BRIG_TOKEN or write it to ~/.config/brig/token (mode 600); "
                     "'brig token create' on the daemon's host makes one",
                 "cli", false};
  }
  return endpoint;
}

Result<std::unique_ptr<Stream>> connect(const Endpoint& endpoint, Deadline deadline) {
  if (!endpoint.tls) {
    BRIG_TRY(UniqueFd fd, connect_unix(endpoint));
    return plain_stream(std::move(fd));
  }
  BRIG_TRY(UniqueFd fd, connect_tcp(endpoint, deadline));
  return tls_stream(std::move(fd), endpoint.host, endpoint.ca, deadline);
}

}  // namespace brig::cli
