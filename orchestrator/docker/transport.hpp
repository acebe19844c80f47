// Calls to one engine: the agreed version in the path, the status checked, the body bounded.
//
// Ownership: the engine object's. Threads: the loop's. Failure: as Result, by docker/errors.hpp.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/result.hpp"
#include "docker/endpoint.hpp"
#include "docker/streams.hpp"
#include "docker/system.hpp"
#include "http/client.hpp"

namespace brig::docker {

// The oldest API we speak (Docker 20.10), and the newest we know.
inline constexpr ApiVersion kOldestApi{1, 41};
inline constexpr ApiVersion kNewestApi{1, 47};

// What engines send at most: one object, a list of many.
inline constexpr std::size_t kObjectLimit = 4 << 20;
inline constexpr std::size_t kListLimit = 32 << 20;

struct Call {
  const char* method;
  std::string path;  // with query, without version
  std::string what;  // "create container x": what the engine "could not …"
  Deadline deadline;
  std::string body = {};
  std::size_t limit = kObjectLimit;
  std::vector<std::string> headers = {};
  const char* content_type = "application/json";
  bool unversioned = false;
  bool small = false;  // http::Request::small
};

// An answer under way. The deadline of its Call bounds all of it.
using Transfer = std::unique_ptr<http::Transfer>;

class Transport {
 public:
  Transport(Endpoint endpoint, boost::asio::any_io_executor executor);

  // The whole answer. Statuses from 400 on are errors; 304 is not.
  net::Task<Result<http::Reply>> call(Call call);
  // Returns once a 200 is there; what follows is read from the transfer. `head` bounds the wait for it.
  net::Task<Result<Transfer>> open(Call call, Deadline head);
  // The same with a body from `source`, which goes up while the answer comes down: each piece of it is handed
  // to `sink`. Gives the answer's status line's 2xx.
  net::Task<Result<void>> upload(Call call, Source& source, Sink& sink);

  // Agrees on a version with the engine, unless that is done.
  net::Task<Result<ApiVersion>> agree(Deadline deadline);
  net::Task<Result<EngineVersion>> ask_version(Deadline deadline);
  const Endpoint& endpoint() const { return endpoint_; }
  const boost::asio::any_io_executor& executor() const { return executor_; }

  // "/v1.41" + path
  std::string versioned(std::string_view path) const;
  // Looks at what a call came to: an engine that went away may come back as another version.
  void note(const Error& error);

 private:
  net::Task<Result<void>> receive(http::Transfer& transfer, std::string what, Sink& sink);
  http::Request request_of(Call& call) const;

  Endpoint endpoint_;
  boost::asio::any_io_executor executor_;
  std::string base_;
  std::optional<ApiVersion> spoken_;
  http::Client client_;
};

// The rest of an error's body, at most 64 KiB of it.
net::Task<std::string> drain(http::Transfer& transfer);

}  // namespace brig::docker
