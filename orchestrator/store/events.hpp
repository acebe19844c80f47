// The ledger's events: what happened, in order, bounded by number and age.
//
// Session rows write their own events, in the transaction that changes them (sessions.cpp), so that a change
// and its event are kept or lost together; everything else comes by add().
//
// Ownership: borrows the Database. Threads: the loop's. Failure: as Result.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "net/task.hpp"
#include "store/database.hpp"
#include "store/rows.hpp"

namespace brig::store {

struct EventQuery {
  std::uint64_t after = 0;           // numbers beyond this one
  std::optional<std::string> owner;  // only theirs
  std::optional<std::string> mesh;
  std::optional<std::string> session;
  std::optional<std::string> kind;  // "session.ended", or "session" for every kind below it
  std::size_t limit = 256;
};

struct EventPage {
  std::vector<EventRow> rows;     // rising
  std::uint64_t searched_to = 0;  // every match up to here is in `rows`
  std::uint64_t first = 0;        // the oldest number kept; one more than `last` if there is none
  std::uint64_t last = 0;         // the newest number ever given
};

class EventTable {
 public:
  // So many numbers are looked at for one page, so that a filter that matches nothing holds nobody up.
  static constexpr std::uint64_t kSearch = 4096;

  explicit EventTable(Database& database) : database_(database) {}

  // One commit. Their numbers are the ledger's to give.
  net::Task<Result<void>> add(std::vector<EventRow> rows);
  net::Task<Result<EventPage>> read(EventQuery query);
  // Forgets all but the newest `keep`, and what happened before `oldest`. The number forgotten.
  net::Task<Result<std::uint64_t>> trim(std::uint64_t keep, WallTime oldest);

 private:
  Database& database_;
};

}  // namespace brig::store
