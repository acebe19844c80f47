// The client's end of MCP: one server at the other end of a pipe, any number of callers on this one.
//
// Requests are multiplexed under ids of our own; results, errors and params pass through as the text they
// are. The client always reads, whatever the server does with its input, so neither can block the other; what
// waits to be written is bounded, and a caller who finds no room waits within his deadline. Answers that
// nobody waits for, malformed lines and the like are told to the observer and harm no other call. When the
// pipe ends, every call is answered with its reason at once.
//
//   mcp::Client client(executor, pipe, observer, {});
//   client.start();
//   BRIG_CO_TRY(auto server, co_await client.initialize(Deadline::in(Millis(10'000))));
//   BRIG_CO_TRY(auto tools, co_await client.list(mcp::Listing::tools, Deadline::in(Millis(10'000))));
//   mcp::Call call;
//   call.method = "tools/call";
//   call.params = R"({"name":"echo","arguments":{"message":"hi"}})";
//   BRIG_CO_TRY(auto answer, co_await client.request(std::move(call)));
//   co_await client.close();
//
// Ownership: borrows the pipe and the observer, both outlive it; close() before destroying it (a call that
// waits then gets `cancelled`, and may unwind later). Threads: the loop's. Failure: as Result for what went
// wrong between us and the server; an error that the server itself answered is an Answer.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mcp/message.hpp"
#include "mcp/pipe.hpp"
#include "net/task.hpp"

namespace brig::mcp {

// Newest first: what we offer, and all that we take.
inline constexpr std::string_view kVersions[] = {"2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"};
bool is_known_version(std::string_view version);

// What a client that passes everything on can do.
inline constexpr std::string_view kAllCapabilities =
    R"({"roots":{"listChanged":true},"sampling":{},"elicitation":{"form":{},"url":{}}})";

// Called on the loop, never from inside a call into the Client.
class ClientObserver {
 public:
  virtual ~ClientObserver() = default;

  // The server asks: sampling/createMessage, elicitation/create, roots/list. (ping is answered without
  // asking.) Cancelled when the server takes its request back, or is gone.
  virtual net::Task<Answer> on_request(std::string method, std::string params) = 0;
  // What the server tells everybody: list_changed, message, resources/updated, … `params` may be empty.
  virtual void on_notification(const std::string& method, const std::string& params) = 0;
  // A line that is no message.
  virtual void on_log(std::string line) = 0;
  // The server broke the protocol; nothing else is affected. A sentence fit for its log.
  virtual void on_fault(std::string what) = 0;
  // An answer to nobody's request: a second one, one that came too late or that a former client of the same
  // pipe asked for, or made up. `id` as written.
  virtual void on_stray_answer(const std::string& id, const Answer& answer) = 0;
  // Once, after every call has been given this as its outcome. Not called by close().
  virtual void on_ended(const Error& why) = 0;
};

// What the server said of itself. The JSON as it came.
struct Initialized {
  std::string version;       // one of kVersions
  std::string capabilities;  // an object
  std::string server_info;   // an object
  std::string instructions;  // a string literal, or empty
  std::string result;        // all of it

  // Out of the result of `initialize`.
  static Result<Initialized> from(std::string result);
  // "tools", "resources", "prompts", "logging", "completions"
  bool can(std::string_view capability) const;
};

struct Call {
  std::string method;
  std::string params;  // a JSON object; empty: none
  Deadline deadline = Deadline::in(Millis(25'000));
  // The `params` of each notifications/progress for this call, with the token that the caller gave in
  // _meta.progressToken; without one there, a number. None: the server is not asked for progress.
  std::function<void(std::string params)> on_progress;
};

enum class Listing { tools, resources, resource_templates, prompts };

// One tool, resource, template or prompt, as the server described it.
struct Item {
  std::string name;  // name; of a resource its uri, of a template its uriTemplate
  std::string json;  // an object without two members of one name
};

inline constexpr std::size_t kMaxItems = 2'000;  // in a listing
inline constexpr std::size_t kMaxPages = 200;

class Client {
 public:
  struct Options {
    std::string name;               // for logs and errors: the service's
    std::uint64_t first_id = 1;     // greater than any that was used on this pipe before
    std::size_t max_calls = 1'000;  // in flight; one more is `exhausted`
    std::string capabilities = std::string(kAllCapabilities);
  };

  Client(net::asio::any_io_executor executor, Pipe& pipe, ClientObserver& observer, Options options);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client();

  // Begins to read and write.
  void start();
  net::Task<void> close();

  // The handshake. A version that we do not know is `unsupported`.
  net::Task<Result<Initialized>> initialize(Deadline deadline);

  // An unanswered request is taken back (notifications/cancelled) when its deadline passes or when the
  // coroutine is cancelled; one that has not been written yet is just dropped. Errors: `timeout`,
  // `unavailable` (the pipe's end), `too_large` and `protocol` (an answer that is none), `exhausted`.
  net::Task<Result<Answer>> request(Call call);
  // Waits for room.
  net::Task<Result<void>> notify(std::string method, std::string params, Deadline deadline);

  // All pages. What is no proper item is left out and told to the observer as a fault. An empty list if the
  // server does not know the method.
  net::Task<Result<std::vector<Item>>> list(Listing what, Deadline deadline);
  net::Task<Result<void>> ping(Deadline deadline);

  std::size_t calls_in_flight() const;
  // Why nothing goes any more; or null.
  const Error* ended() const;
  // The id that the next request will have.
  std::uint64_t next_id() const;

  class Impl;  // this module's own

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace brig::mcp
