// One local connection on one tunnel to a port in a sandbox, both ways, until both have ended.
//
// An end in one direction is passed on and leaves the other open; a side that does not read holds the other
// back. Threads: a thread of its own; blocks. Failure: as Result: why there was no tunnel, or how it broke.
#pragma once

#include <string>

#include "cli/client/endpoint.hpp"
#include "core/unique_fd.hpp"

namespace brig::cli {

// `stop`: something to read on it ends the relay.
Result<void> relay(Endpoint endpoint, std::string session, std::uint16_t port, UniqueFd local, int stop);

}  // namespace brig::cli
