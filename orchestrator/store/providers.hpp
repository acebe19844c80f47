// The ledger's providers declared over the API, and what prepare hooks have yet to have cleaned up.
//
// Ownership: borrows the Database. Threads: the loop's. Failure: as Result. Every method is one commit.
#pragma once

#include <vector>

#include "net/task.hpp"
#include "store/database.hpp"
#include "store/rows.hpp"

namespace brig::store {

struct ProviderRow {
  std::string id;
  std::string declaration;  // JSON, as it was given
  std::string owner;        // who declared it
  WallTime created{};
  WallTime updated{};
};

class ProviderTable {
 public:
  explicit ProviderTable(Database& database) : database_(database) {}

  // Inserts, or replaces what was declared before.
  net::Task<Result<ProviderRow>> put(ProviderRow row);
  net::Task<Result<std::vector<ProviderRow>>> list();
  net::Task<Result<void>> remove(std::string id);  // `not_found` if there is none

 private:
  Database& database_;
};

// A prepare hook that was run for a session.
struct HookRow {
  SessionId session;
  std::string program;
  std::string project;  // empty: none
  std::string phase;    // "asked": its answer is not known; "answered"; "cleaning"
  std::string cleanup_json;
  std::uint64_t deadline_ms = 0;
};

class HookTable {
 public:
  explicit HookTable(Database& database) : database_(database) {}

  net::Task<Result<void>> put(HookRow row);
  net::Task<Result<std::optional<HookRow>>> find(SessionId session);
  net::Task<Result<void>> remove(SessionId session);  // no error if there is none

 private:
  Database& database_;
};

}  // namespace brig::store
