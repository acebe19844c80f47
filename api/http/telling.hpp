// A long piece of work that is told while it goes its way: lines of JSON, of which the last says `done`, with
// what came of it, or `error`, with a problem document.
//
// The work does not wait for its reader. Who does not read any more does not end it by that; who is gone ends
// the coroutine that both run in, and the work sees to what that means.
//
// Ownership: shared by the work and the stream. Threads: the loop's. Failure: the work's own is the last
// line.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "api/http/message.hpp"
#include "net/event.hpp"

namespace brig::api {

struct Telling {
  explicit Telling(const boost::asio::any_io_executor& executor) : changed(executor) {}
  void tell(const nlohmann::json& line);

  net::Event changed;
  std::string queued;  // and not read yet: who tells what may be missed looks first
  bool done = false;
};

// Gives what is done, as JSON.
using ToldWork = std::function<net::Task<Result<nlohmann::json>>(std::shared_ptr<Telling>)>;

Response told(ToldWork work, std::string request_id);

}  // namespace brig::api
