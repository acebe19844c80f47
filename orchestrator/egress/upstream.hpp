// The host's own proxy: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY of brigd's environment, as curl reads
// them.
//
// Everything goes through it by CONNECT, whatever the port: only so is the far end the one that was asked
// for. It resolves the names, so what they resolve to cannot be checked here; the checks of the name, of
// literal addresses and of what the client says first remain.
//
// Threads: plain values. Failure: Error{invalid} for a proxy that is none we can use.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/secret.hpp"
#include "policy/egress/host.hpp"

namespace brig::egress {

struct Upstream {
  Target proxy;
  Secret authorization;  // "Basic …"; empty: none
  std::vector<std::string> exceptions;

  bool applies_to(const Host& host) const;
};

using GetEnv = std::function<const char*(const char*)>;
Result<std::optional<Upstream>> upstream_from(const GetEnv& env);

// What is sent to it, and what it answered: ok, or why not. None yet: more bytes are needed.
std::string connect_request(const Upstream& upstream, const Target& target);
std::optional<Result<void>> read_connect_answer(std::string_view bytes, std::size_t& head_size);

}  // namespace brig::egress
