// An agent that comes out of its sandbox to the endpoint of its mesh. What it asks there is made into a
// request of the API's own, so whatever is no such request cannot be asked at all.
//
// The head is hostile. Threads: any. Failure: as Failure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/http/message.hpp"

namespace brig::api {

// It calls the endpoint by its name, and no web page speaks through it: one in a browser of the sandbox would
// have the agent's rights.
std::optional<Failure> check_guest(const Head& head);

// Of a path as the agent sees it, "/mcp", makes the API's; of all others nothing, in one and the same answer.
std::optional<Failure> lead_guest(const std::string& mesh, std::vector<std::string>& segments);

}  // namespace brig::api
