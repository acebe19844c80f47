// Where brigd is, and who we are to it.
//
//   BRIG_HOST   unix:///path (default unix:///run/brig/brig.sock) or https://host:port
//   BRIG_TOKEN  for https; else the file ~/.config/brig/token, which nobody else may be able to read
//   BRIG_CA     file with the certificates to trust for https; else the system's
//
// Threads: one. Failure: as Result; what cannot be connected to says what to do about it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cli/client/stream.hpp"
#include "core/secret.hpp"

namespace brig::cli {

// A variable of the environment; none if unset. Tests hand in their own.
using Environment = std::function<std::optional<std::string>(const char*)>;
std::optional<std::string> process_environment(const char* name);

struct Endpoint {
  bool tls = false;
  std::string path;  // of the unix socket
  std::string host;  // name or address, without brackets
  std::string port;
  std::string ca;  // file; empty: the system's
  Secret token;

  std::string shown() const;        // "unix:///run/brig/brig.sock"
  std::string host_header() const;  // "localhost" or "host:port"
};

// `given` is --host; it wins over BRIG_HOST.
Result<Endpoint> find_endpoint(const std::optional<std::string>& given, const Environment& environment);

Result<std::unique_ptr<Stream>> connect(const Endpoint& endpoint, Deadline deadline);

}  // namespace brig::cli
