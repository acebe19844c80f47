// What can be seen and changed of a session's way out, as the API sees it.
//
// Ownership: views are copies. Threads: the loop's. Failure: as Result; a session without a door is
// `conflict`.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/names.hpp"
#include "core/result.hpp"
#include "egress/audit.hpp"
#include "net/task.hpp"
#include "policy/egress/credential.hpp"
#include "policy/egress/decide.hpp"

namespace brig::egress {

// The one name that no rule decides about: at its port 80 a session finds the services of its mesh.
inline constexpr std::string_view kMeshHost = "mesh.brig.internal";
inline constexpr std::uint16_t kMeshPort = 80;

// How far a yes or a no reaches.
enum class Scope { once, session, always };

struct Question {
  std::uint64_t number = 0;
  Target target;
  std::string process;
  std::uint32_t pid = 0;
  WallTime since{};
  std::size_t waiting = 0;  // connections
};

struct OpenConnection {
  std::uint64_t number = 0;
  Target target;
  std::string address;
  std::string process;
  std::uint32_t pid = 0;
  std::string rule;
  std::string from;
  WallTime since{};
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
};

struct Counts {
  std::uint64_t allowed = 0;
  std::uint64_t denied = 0;
  std::uint64_t failed = 0;
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
};

struct RuleView {
  std::string verb;
  std::string rule;
  std::string from;
};

// What a host is given in the sandbox's name, and what the sandbox has in its place.
struct CredentialView {
  Credential rule;
  std::string placeholder;
};

struct DoorView {
  bool open = false;  // the sandbox runs
  bool ask = false;
  std::vector<RuleView> rules;             // in the order in which they are read
  std::optional<std::vector<Rule>> bound;  // the ceiling's
  std::vector<Question> questions;
  std::vector<OpenConnection> connections;
  Counts counts;
  std::vector<CredentialView> credentials;
};

// What a connection there would meet.
struct Tried {
  Target target;
  Decision decision;
  std::vector<std::pair<Address, Decision>> addresses;
  std::string failure;  // it could not be resolved
};

// What the API needs; sessions are found and callers judged before.
class Egress {
 public:
  virtual ~Egress() = default;
  virtual net::Task<Result<DoorView>> show(SessionId id) = 0;
  // The session's and, with Scope::always, later ones' of its owner and project. What holds already is fine.
  virtual net::Task<Result<std::string>> change(SessionId id, Verb verb, std::string rule, Scope scope) = 0;
  // Takes back what change() made.
  virtual net::Task<Result<void>> forget(SessionId id, std::string rule) = 0;
  virtual net::Task<Result<void>> answer(SessionId id, std::uint64_t question, bool yes, Scope scope) = 0;
  virtual net::Task<Result<Tried>> test(SessionId id, std::string target) = 0;
  // Lines of JSON: the last ones, then (if it has a door) what comes.
  virtual Result<std::vector<std::string>> account(SessionId id, std::size_t count) = 0;
  virtual std::shared_ptr<Audit::Follower> follow(SessionId id) = 0;
};

// The command that allows what `remedy` says, for the session of that name.
std::string allow_command(const std::string& session, const std::string& remedy);

}  // namespace brig::egress
