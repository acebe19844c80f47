// TLS over a connected socket, by the system's OpenSSL, which is loaded only when this is called: a unix
// socket needs none of it, and loading it would double the time `brig` takes to start.
//
// Ownership: takes the socket. Threads: one. Failure: as Result; a certificate that does not fit is `denied`.
#pragma once

#include <memory>
#include <string>

#include "cli/client/stream.hpp"
#include "core/unique_fd.hpp"

namespace brig::cli {

// `host` is checked against the certificate; `ca` is a file, empty for the system's.
Result<std::unique_ptr<Stream>> tls_stream(UniqueFd socket, const std::string& host, const std::string& ca,
                                           Deadline deadline);

}  // namespace brig::cli
