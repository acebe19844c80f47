// The ledger's checkpoints: names for what a session consisted of.
//
// Ownership: borrows the Database. Threads: the loop's. Failure: as Result; a row that is not there is
// `not_found`, a name already taken `conflict`. Every method is one commit.
#pragma once

#include <vector>

#include "net/task.hpp"
#include "store/database.hpp"
#include "store/rows.hpp"

namespace brig::store {

class CheckpointTable {
 public:
  explicit CheckpointTable(Database& database) : database_(database) {}

  // The intent to have it; committed before its layer is made.
  net::Task<Result<void>> insert(CheckpointRow row);
  net::Task<Result<void>> set_made(SessionId session, std::string name, std::uint64_t bytes);
  // Freezes a session's own layer: it gets the new `own`, on top of the layers of `row`.
  net::Task<Result<void>> freeze(CheckpointRow row, LayerId own);
  // One more layer on top of those it has, which was referred to by the one without a name until now.
  net::Task<Result<void>> put_on_top(SessionId session, std::string name, LayerId layer, std::uint64_t bytes);
  // One that is made.
  net::Task<Result<CheckpointRow>> get(SessionId session, std::string name);
  net::Task<Result<std::vector<CheckpointRow>>> list(SessionId session);  // oldest first
  // Those that were being made, and those without a name.
  net::Task<Result<std::vector<CheckpointRow>>> list_unmade();
  // No error if it was not there.
  net::Task<Result<void>> remove(SessionId session, std::string name);

 private:
  Database& database_;
};

}  // namespace brig::store
