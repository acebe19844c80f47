// What the parts of Manager share. Included by its sources alone.
#pragma once

#include "service/manager.hpp"

namespace brig::service {

// It takes calls.
inline bool serves(State state) {
  return state == State::running || state == State::paused;
}

// A service, as this brigd has it.
struct Manager::Unit {
  Unit(net::asio::any_io_executor executor, store::ServiceRow r)
      : row(std::move(r)), logged(executor), log([this] { logged.notify_all(); }), changed(executor) {}

  std::string purpose() const { return row.mesh + "/" + row.name; }
  // On whose account its sandboxes run.
  session::Caller owner() const {
    session::Caller caller;
    caller.role = session::Caller::Role::admin;
    caller.owner = row.owner;
    caller.mesh = row.mesh;
    return caller;
  }
  vault::Scope scope() const { return {row.owner, row.mesh}; }
  Target target() const { return {row.name, row.owner, reach}; }
  // As whoever wants its server finds it: one that has ended is let go of before the next is on its way.
  State found() const { return serves(state) && !server ? State::restarting : state; }
  std::string sealed_as() const { return "service " + purpose(); }

  store::ServiceRow row;  // as it is in the ledger
  Spec spec;
  Scope reach;                             // its scope; what `row` says of it is what it was when it was read
  std::map<std::string, std::string> env;  // names, each with the vault's key it stands for
  std::optional<Entry> entry;              // once it is built
  std::uint64_t artefact_bytes = 0;
  LayerId layer;                  // the artefact's
  std::vector<Version> versions;  // oldest first; one of them is what it has
  State state = State::starting;
  std::string reason;
  bool damaged = false;  // what the ledger has of it does not read: it is not run, and its row stays as it is
  net::Event logged;
  LogRing log;
  std::shared_ptr<Server> server;  // while one runs
  std::set<SessionId> leaving;     // sandboxes that are not its own any more, and not gone yet
  std::vector<ListedTool> listed;  // all that the server has said, of itself first
  std::vector<Tool> tools;         // those of them that pass
  bool instructs = false;          // so does what it says of itself
  ToolLists lists;
  Pins pins;
  bool met = false;                // its tools were approved for the first time
  bool heard = false;              // so was what it says of itself
  std::optional<SteadyTime> told;  // the audit, of tools that wait or have changed
  Backoff backoff;
  std::uint64_t epoch = 0;  // grows with every start and stop: who waits to restart it finds it changed
  bool busy = false;        // somebody builds, starts or stops it
  bool gone = false;        // removed
  bool is_new = false;      // not in the ledger yet
  net::Event changed;
};

// One at a time builds, starts or stops a service.
class Manager::Turn {
 public:
  explicit Turn(UnitRef unit) : unit_(std::move(unit)) { unit_->busy = true; }
  Turn(Turn&& other) = default;
  Turn& operator=(Turn&&) = delete;
  ~Turn() {
    if (!unit_) return;
    unit_->busy = false;
    unit_->changed.notify_all();
  }

 private:
  UnitRef unit_;
};

// How many versions of a service can be gone back to, with the one that it has.
inline constexpr std::size_t kVersionsKept = 5;

// Names of variables, each with the vault's key that it stands for.
std::map<std::string, std::string> references_of(const std::map<std::string, Secret>& env);
// What is said to whoever waited for a service that somebody removed.
Error gone_meanwhile(const std::string& purpose);
// Why it does not start, with what it wrote last.
Error with_log(Error why, const LogRing& log);

// The wish in a row.
inline constexpr const char* kRunning = "running";
inline constexpr const char* kStopped = "stopped";
inline constexpr const char* kRemoved = "removed";

}  // namespace brig::service
