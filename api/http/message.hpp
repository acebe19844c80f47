// A request's head, an answer, and what went wrong: plain values between the wire and the handlers.
//
// Threads: plain values. Failure: none.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "net/task.hpp"
#include "session/sessions.hpp"

namespace brig::api {

struct Header {
  std::string name;
  std::string value;
};

// Header names compare without regard to case.
bool same_name(std::string_view a, std::string_view b);

struct Head {
  std::string method;
  std::string target;
  std::vector<Header> headers;
  std::optional<std::uint64_t> content_length;
  bool chunked = false;
  bool keep_alive = true;
  bool upgrade = false;  // Connection: upgrade
  bool expect_continue = false;

  bool has_body() const { return chunked || content_length.value_or(0) > 0; }
  // The first with this name, or null.
  const std::string* find(std::string_view name) const;
  std::size_t count(std::string_view name) const;
};

// An Error on its way to becoming a problem document.
struct Failure {
  Error error;
  int status = 0;     // 0: the code's own
  std::string field;  // a JSON pointer into the body, or a query parameter
  std::vector<Header> headers;
};

// Where a streamed answer goes, one chunk at a time; an error means that nobody reads any more.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual net::Task<Result<void>> write(std::span<const std::byte> bytes) = 0;
};

// A request's body that is taken while it comes.
class Source {
 public:
  virtual ~Source() = default;
  // What there is next, valid until the next call; empty at the body's end. An error: it broke off.
  virtual net::Task<Result<std::string_view>> read() = 0;
};

class WebSocket;
enum class EndReason { restart, revoked };

// What a conversation that goes on for long lets others do to it. Lives as long as the connection.
class Conversation {
 public:
  virtual ~Conversation() = default;
  // Called at most once; none: the connection is simply cut.
  virtual void when_told_to_end(std::function<void(EndReason)> end) = 0;
};

struct Response {
  int status = 200;
  std::string type = "application/json";
  std::string body;
  std::vector<Header> headers;
  // Instead of `body`. An error cuts the connection, so that the caller sees the answer is not whole.
  std::function<net::Task<Result<void>>(Sink*)> stream;
  // Instead of an answer: the connection becomes a WebSocket of this subprotocol.
  std::function<net::Task<void>(WebSocket*, Conversation*)> upgrade;
  std::string protocol;
};

struct Request {
  Head head;
  std::map<std::string, std::string> path;                 // parameters of the pattern
  std::vector<std::pair<std::string, std::string>> query;  // in order, decoded
  std::string body;
  Source* source = nullptr;               // instead of `body`, where the route asks for it
  std::optional<session::Caller> caller;  // none only where the route needs none
  std::optional<WallTime> credential_expires;
  std::string id;
  std::function<net::Task<void>()> gone;  // returns when the caller has gone, or may not stay

  // The first value, or null.
  const std::string* parameter(std::string_view name) const;
};

}  // namespace brig::api
