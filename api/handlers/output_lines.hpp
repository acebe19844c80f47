// What a process prints, as an answer: its bytes, or a `LogLine` of JSON each.
//
// Threads: the loop's. Failure: as Result; in lines it is also told as the last of them.
#pragma once

#include <functional>

#include "api/http/message.hpp"

namespace brig::api {

using NextEvent = std::function<net::Task<Result<std::optional<session::AttachEvent>>>()>;

net::Task<Result<void>> write_output(NextEvent next, bool lines, std::string request_id, Sink* sink);

}  // namespace brig::api
