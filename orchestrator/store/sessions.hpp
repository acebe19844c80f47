// The ledger's sessions and their processes.
//
// Every change of a session's phase is an event, "session.PHASE" (store/events.hpp), in the same commit.
//
// Ownership: borrows the Database. Threads: the loop's. Failure: as Result; a row that is not there is
// `not_found`, a name already taken `conflict`. Every method is one commit.
#pragma once

#include <functional>
#include <set>
#include <vector>

#include "net/task.hpp"
#include "store/database.hpp"
#include "store/rows.hpp"

namespace brig::store {

class SessionTable {
 public:
  explicit SessionTable(Database& database) : database_(database) {}

  // A change of phase was committed; "" is no row yet, or no more.
  std::function<void(const std::string& from, const std::string& to)> on_phase;

  // The intent to have this session; committed before anything is made for it.
  net::Task<Result<void>> insert(SessionRow row);
  net::Task<Result<SessionRow>> get(SessionId id);
  // Of this owner, at most one in each mesh.
  net::Task<Result<std::vector<SessionRow>>> named(std::string owner, std::string name);
  net::Task<Result<std::vector<SessionRow>>> list();  // oldest first
  net::Task<Result<void>> update(SessionId id, SessionChange change);
  // With its processes. No error if it was not there.
  net::Task<Result<void>> remove(SessionId id);
  // What the container was called of one that was removed; of the latest few thousand.
  net::Task<Result<std::optional<std::string>>> container_of_removed(SessionId id);
  // The session begins again: all that `row` says but for what it is called and whose it is, and with none of
  // its processes.
  net::Task<Result<void>> restart(SessionRow row);
  // Other layers for a session that does not run.
  net::Task<Result<void>> restack(SessionId id, LayerId layer, std::vector<LayerId> frozen);
  // The layers that any session or checkpoint refers to. Ask after listing what is on disk: a layer is
  // referred to before it is made.
  net::Task<Result<std::set<LayerId>>> layers();

 private:
  void told(const std::string& from, const std::string& to) const;

  Database& database_;
};

class LifeTable {
 public:
  explicit LifeTable(Database& database) : database_(database) {}

  // Goes with its session.
  net::Task<Result<void>> put(LifeRow row);
  net::Task<Result<std::optional<LifeRow>>> get(SessionId session);
  net::Task<Result<std::vector<LifeRow>>> list();

 private:
  Database& database_;
};

class ProcessTable {
 public:
  explicit ProcessTable(Database& database) : database_(database) {}

  // Inserts, or replaces what stands under the same session and number.
  net::Task<Result<void>> put(ProcessRow row);
  net::Task<Result<void>> set_ended(SessionId session, std::uint32_t number, WallTime ended,
                                    std::string outcome_json);
  net::Task<Result<std::vector<ProcessRow>>> list(SessionId session);  // by number
  net::Task<Result<std::vector<ProcessRow>>> list_all();               // by session, then number

 private:
  Database& database_;
};

}  // namespace brig::store
