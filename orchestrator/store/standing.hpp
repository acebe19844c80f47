// What the rules that prune by themselves have planned and done, so that a restart neither forgets a plan
// that was told nor begins anew.
//
// Ownership: borrows the Database. Threads: the loop's. Failure: as Result. Every method is one commit.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "net/task.hpp"
#include "store/database.hpp"

namespace brig::store {

struct StandingRow {
  std::string rule;  // its name
  WallTime planned{};
  std::string agreed_json = "[]";  // what that plan would take
  bool pending = false;            // it is still to be done
  std::optional<WallTime> done;
  std::string report_json = "{}";  // of what was done last
};

class StandingTable {
 public:
  explicit StandingTable(Database& database) : database_(database) {}

  net::Task<Result<void>> put(StandingRow row);
  net::Task<Result<std::vector<StandingRow>>> list();

 private:
  Database& database_;
};

}  // namespace brig::store
