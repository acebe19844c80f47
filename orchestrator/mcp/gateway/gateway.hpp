// One MCP endpoint for many servers: what a client says goes to the service it concerns, and what services
// say goes to the clients it is for. Streamable HTTP without the HTTP.
//
// A client's session stands for one caller at one place, a mesh with all its services or a single one of
// them, whose names then are as they are. Calls run in the session, not in the connection that brought them:
// who loses the connection finds the answer by the stream's events, and cancels only by saying so.
//
// A server asks back (sampling, elicitation, roots) without saying on whose behalf. It is put to the session
// that has a call in flight on that server, or else to the one whose owner is alone in seeing it; where that
// leaves two owners to choose from, nobody is asked, for it could tell one about the other.
//
// Ownership: owns its sessions and their Backends; close() before destroying it. Threads: the loop's.
// Failure: as Refusal, and to servers as an Answer.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "core/clock.hpp"
#include "mcp/gateway/backends.hpp"
#include "mcp/gateway/event_stream.hpp"
#include "net/scope.hpp"

namespace brig::mcp {

struct Place {
  std::string mesh;
  std::string service;  // empty: all of the mesh
  bool operator==(const Place&) const = default;
};

struct Session;  // this module's own
struct InFlight;
using SessionRef = std::shared_ptr<Session>;
using Sessions = std::map<std::string, SessionRef>;  // by id

class Gateway {
 public:
  struct Options {
    std::size_t sessions = 2'000;        // of people; and as many of agents
    std::size_t sessions_of_one = 100;   // owner
    std::size_t calls_of_one = 256;      // session, in flight
    std::size_t kept_of_one = 64 << 20;  // owner, bytes: events not read, calls and questions under way
    std::size_t sessions_of_agent = 16;  // instead, of one in a sandbox; its oldest gives way
    std::size_t kept_of_agent = 16 << 20;
    Millis idle{3'600'000};       // without a request or an open stream; then a session is forgotten
    Millis call_within{600'000};  // people answer elicitations; clients have shorter patience of their own
    Millis ask_within{600'000};
  };

  Gateway(net::asio::any_io_executor executor, const Clock& clock, Options options);
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;
  ~Gateway();
  // Every call is cancelled, every stream ends.
  net::Task<void> close();

  struct Refusal {
    int status = 400;  // HTTP's
    std::string message;
  };
  struct Accepted {};  // a notification or an answer was taken
  struct Reply {
    std::string message;  // a whole JSON-RPC message
    std::string session;  // the new session's id; only of initialize
  };
  struct Streamed {
    EventStream::Reader reader;
    bool opening = false;  // an event without data goes first: not all versions' clients take it
  };

  // What a request brings along.
  struct Credentials {
    std::string owner;       // whose session it is
    std::string credential;  // what it was begun with; it is of no use to any other
    Place place;
    std::string session;  // Mcp-Session-Id; empty: none
    std::string version;  // MCP-Protocol-Version; empty: none
    bool agent = false;   // an agent in a sandbox: an owner of its own, who may have less
  };
  // Makes what a new session works with.
  using Open = std::function<Result<std::unique_ptr<Backends>>()>;

  using Outcome = std::variant<Refusal, Accepted, Reply, Streamed>;
  net::Task<Outcome> post(Credentials from, std::string body, Open open);
  // What is for the client and belongs to no call; or, after an event, the rest of that event's stream.
  std::variant<Refusal, Streamed> listen(const Credentials& from, const std::string& last_event_id);
  std::optional<Refusal> end(const Credentials& from);

  // A server's request. `in_flight`: its calls, those of the gateway's among them.
  net::Task<Answer> ask(std::string mesh, std::string service, std::string method, std::string params,
                        std::size_t in_flight);
  // A server's notification.
  void tell(const std::string& mesh, const std::string& service, const std::string& method,
            const std::string& params);
  // A service begins to run or does not run any more.
  void changed(const std::string& mesh, const std::string& service);

  std::size_t sessions() const { return sessions_.size(); }

 private:
  std::variant<Refusal, SessionRef> find(const Credentials& from);
  net::Task<Outcome> initialize(Credentials from, Message message, Open open);
  std::optional<Refusal> admit(const Credentials& from);
  void forget(SessionRef session);
  // For so many bytes of its owner's; what nobody comes back for goes first.
  bool make_room(const Session& session, std::size_t bytes);
  net::Task<void> unsubscribe(SessionRef session, std::string service, std::string uri);
  Outcome begin(SessionRef session, Message message);
  net::Task<void> serve(SessionRef session, Message message, std::shared_ptr<InFlight> call);
  void take_answer(const SessionRef& session, const Message& message);
  void take_notification(const SessionRef& session, const Message& message);
  net::Task<void> pass_on(SessionRef session, std::string service, std::string method, std::string params);

  net::asio::any_io_executor executor_;
  const Clock& clock_;
  Options options_;
  Sessions sessions_;
  net::Scope scope_;
};

}  // namespace brig::mcp
