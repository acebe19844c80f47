#include "docker/endpoint.hpp"

#include <charconv>

#include "core/text.hpp"

namespace brig::docker {
namespace {

// sockaddr_un holds 108 bytes, the last one a zero.
constexpr std::size_t kMaxSocketPath = 107;

Error bad(std::string_view text, std::string_view why) {
  return {Code::invalid,
          "DOCKER_HOST " + quoted(text, 160) + " " + std::string(why) +
              "; write unix:///path/of/socket or tcp://host:port",
          "docker: endpoint", false};
}

std::string upper(std::string_view s) {
  std::string out(s);
  for (char& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return out;
}

bool is_host_char(char c, bool v6) {
  if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return true;
  return v6 ? c == ':' || c == '.' : c == '.' || c == '-' || c == '_';
}

}  // namespace

std::string Endpoint::str() const {
  if (is_unix()) return "unix://" + socket;
  bool v6 = host.find(':') != host.npos;
  return "tcp://" + (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Result<Endpoint> parse_endpoint(std::string_view text) {
  Endpoint out;
  if (text.starts_with("unix://")) {
    std::string_view path = text.substr(7);
    if (!path.starts_with('/')) return bad(text, "has no absolute path");
    if (path.size() > kMaxSocketPath) return bad(text, "is too long: a socket's path has at most 107 bytes");
    if (path.find('\0') != path.npos) return bad(text, "holds a zero byte");
    out.socket = path;
    return out;
  }
  bool https = text.starts_with("https://");
  if (!https && !text.starts_with("tcp://") && !text.starts_with("http://")) {
    return bad(text, "is of no known kind");
  }
  std::string_view rest = text.substr(text.find("://") + 3);
  if (rest.ends_with('/')) rest.remove_suffix(1);
  std::string_view host, port;
  bool v6 = rest.starts_with('[');
  if (v6) {
    auto end = rest.find(']');
    if (end == rest.npos) return bad(text, "has no ']'");
    host = rest.substr(1, end - 1);
    port = rest.substr(end + 1);
  } else {
    auto colon = rest.find(':');
    host = rest.substr(0, colon);
    port = colon == rest.npos ? std::string_view() : rest.substr(colon);
  }
  if (host.empty() || host.size() > 253) return bad(text, "names no host");
  for (char c : host) {
    if (!is_host_char(c, v6)) return bad(text, "names no host");
  }
  out.host = host;
  out.port = https ? 2376 : 2375;
  if (!port.empty()) {
    const char* end = port.data() + port.size();
    auto [stop, ec] = std::from_chars(port.data() + 1, end, out.port);
    if (port[0] != ':' || ec != std::errc() || stop != end || out.port == 0)
      return bad(text, "has no valid port");
  }
  if (https) out.tls.emplace();
  return out;
}

Result<Endpoint> endpoint_from_environment(const std::function<const char*(const char*)>& getenv) {
  auto value = [&](const char* name) -> std::string_view {
    const char* v = getenv(name);
    return v ? v : "";
  };
  std::string_view host = value("DOCKER_HOST");
  if (host.empty()) {
    Endpoint out;
    out.socket = kDefaultSocket;
    return out;
  }
  BRIG_TRY(Endpoint out, parse_endpoint(host));
  if (out.is_unix()) return out;

  // As the docker client has it: any value switches TLS on, an empty one off; the path alone does not.
  std::string verify = upper(value("DOCKER_TLS_VERIFY"));
  bool off = verify.empty() || verify == "0" || verify == "FALSE" || verify == "NO";
  std::string_view certs = value("DOCKER_CERT_PATH");
  if (off && !out.tls) return out;
  if (!out.tls) out.tls.emplace();
  out.tls->verify = true;
  if (!certs.empty()) {
    if (!certs.starts_with('/')) {
      return Error{Code::invalid,
                   "DOCKER_CERT_PATH " + quoted(certs, 160) +
                       " is not an absolute path; write the directory that "
                       "holds ca.pem, cert.pem and key.pem",
                   "docker: endpoint", false};
    }
    std::string dir(certs);
    out.tls->ca = dir + "/ca.pem";
    out.tls->cert = dir + "/cert.pem";
    out.tls->key = dir + "/key.pem";
  }
  return out;
}

}  // namespace brig::docker
