// One client of brigd: requests one after another over a connection that is kept while it serves.
//
// Ownership: owns the connection. Threads: one. Failure: as Result. call() turns the API's problem documents
// into Errors, so that what the daemon says is what the person reads.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/client/endpoint.hpp"
#include "cli/client/http_parse.hpp"

namespace brig::cli {

// A connection that is being used.
struct Exchange {
  std::unique_ptr<Stream> stream;
  std::string early;  // read beyond the head
};

struct Response {
  ResponseHead head;
  std::string body;
};

// What is left of a connection after "101 Switching Protocols".
struct Upgraded {
  std::unique_ptr<Stream> stream;
  std::string early;  // bytes that came right behind the head
};

class Client {
 public:
  explicit Client(Endpoint endpoint) : endpoint_(std::move(endpoint)) {}
  const Endpoint& endpoint() const { return endpoint_; }
  // Something to read on `fd` (-1: nothing) ends whatever waits for an answer; see was_interrupted().
  void interrupt_by(int fd) { interrupt_ = fd; }

  // The answer to `method target`, whatever its status. A body of at most 16 MiB.
  Result<Response> send(std::string_view method, std::string_view target, std::string_view body,
                        Deadline deadline);

  // JSON in and out; statuses of 400 and above become Errors. `body` null: none.
  Result<nlohmann::json> call(std::string_view method, std::string_view target,
                              const nlohmann::json& body = nullptr, Millis limit = std::chrono::seconds(60));

  // The body piece by piece as it comes; `limit` bounds only the time to the head.
  Result<void> stream(std::string_view method, std::string_view target, const nlohmann::json& body,
                      const BodyReader::Sink& sink, Millis limit = std::chrono::seconds(60));

  // The answer whatever its status: its head, then its body as it comes. `headers`: complete lines; `limit`
  // bounds only the time to the head.
  using Hear = std::function<bool(const ResponseHead& head, std::string_view part)>;
  Result<ResponseHead> converse(std::string_view method, std::string_view target, std::string_view headers,
                                std::string_view body, const Hear& hear, Millis limit);

  // A body that is made while it is sent, in chunks: client/upload.hpp.
  class Upload;

  // `headers`: complete lines.
  Result<std::pair<ResponseHead, Upgraded>> upgrade(std::string_view target, std::string_view headers,
                                                    Deadline deadline);

 private:
  Result<void> ask(Exchange& exchange, std::string_view method, std::string_view target,
                   std::string_view headers, std::string_view body, Deadline deadline);
  Result<ResponseHead> hear(Exchange& exchange, Deadline deadline);
  Result<ResponseHead> begin(Exchange& exchange, std::string_view method, std::string_view target,
                             std::string_view headers, std::string_view body, Deadline deadline);
  Result<void> read_body(Exchange& exchange, const ResponseHead& head, const BodyReader::Sink& sink,
                         Deadline deadline);
  bool idle_is_usable();

  Endpoint endpoint_;
  std::unique_ptr<Stream> idle_;
  int interrupt_ = -1;
};

// The API's problem document (or whatever else came with that status) as an Error.
Error problem_to_error(int status, std::string_view body);

// For query strings and path segments.
std::string percent_encode(std::string_view text);

}  // namespace brig::cli
