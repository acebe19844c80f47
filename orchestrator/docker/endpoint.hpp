// Where an engine listens, as DOCKER_HOST and its companions say it.
//
// Threads: plain values. Failure: Error{invalid} that names the variable, its value and the accepted forms.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "core/result.hpp"

namespace brig::docker {

struct EndpointTls {
  std::string ca;    // paths of PEM files; empty: the system's authorities
  std::string cert;  // ours; empty: none
  std::string key;
  bool verify = true;
};

struct Endpoint {
  using Tls = EndpointTls;

  std::string socket;  // absolute path of a unix socket; or
  std::string host;    // a name or address (without brackets) and
  std::uint16_t port = 0;
  std::optional<Tls> tls;

  bool is_unix() const { return !socket.empty(); }
  // As DOCKER_HOST would spell it.
  std::string str() const;
};

inline constexpr const char* kDefaultSocket = "/var/run/docker.sock";

// "unix:///run/docker.sock", "tcp://host:2376", "tcp://[::1]:2375".
Result<Endpoint> parse_endpoint(std::string_view text);

// From DOCKER_HOST, DOCKER_TLS_VERIFY and DOCKER_CERT_PATH, looked up with `getenv` (a null pointer is
// absent).
Result<Endpoint> endpoint_from_environment(const std::function<const char*(const char*)>& getenv);

}  // namespace brig::docker
