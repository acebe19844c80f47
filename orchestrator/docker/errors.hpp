// The one place where what an engine, or the way to it, says becomes an Error.
//
// Threads: any. Failure: none.
#pragma once

#include <string_view>

#include "core/error.hpp"
#include "docker/endpoint.hpp"
#include "http/failure.hpp"

namespace brig::docker {

// The engine answered `status`; `body` is {"message": …}, or anything. `what` is the call: "create container
// x".
Error refusal(int status, std::string_view body, std::string_view what);

// A message of the engine's, or of a builder or registry behind it, that came inside a successful answer.
Error reported(std::string_view message, std::string_view what);

// The engine was not reached, or what came is not HTTP.
Error unreachable(const http::Failure& failure, const Endpoint& endpoint);

// The answer is JSON, but not what it must be.
Error nonsense(std::string_view detail, std::string_view what);

}  // namespace brig::docker
