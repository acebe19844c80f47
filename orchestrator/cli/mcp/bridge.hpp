// MCP over our standard input and output, carried to brigd's gateway: for clients that start a program.
//
// Lines in are requests, answers and notifications; each request goes on a connection of its own, so that one
// that takes long holds up no other. Lines out are what the gateway says: answers, progress, questions, and
// what it says unasked. A connection that breaks is made again from the event where it broke; a session that
// brigd does not know any more (it was restarted) is begun anew, unseen by the client.
//
// Threads: run() on one; it starts others and joins them. Failure: as Result only where nothing can begin; a
// request that cannot be carried is answered with an error.
#pragma once

#include <functional>
#include <string>

#include "cli/client/endpoint.hpp"

namespace brig::cli {

struct BridgeSpec {
  Endpoint endpoint;
  std::string path;  // of the gateway: "/v1/meshes/acme/mcp"
  int in = 0;
  std::function<void(std::string_view)> out;  // takes a line without its end; from any thread, one at a time
};

// Until the end of the input, and until all that was asked is answered.
Result<void> run_bridge(BridgeSpec spec);

}  // namespace brig::cli
