// The ledger's gates: which tools of each service may pass by its lists, and as what they were approved. What
// a service says of itself is among them, under a name of its own. They go with their service.
//
// Ownership: borrows the Database. Threads: the loop's. Failure: as Result; `not_found` if the service is
// gone. Every method is one commit.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "net/task.hpp"
#include "store/database.hpp"

namespace brig::store {

struct ToolGateRow {
  std::string mesh;
  std::string service;
  std::string lists_json;                   // empty: nobody has set any
  bool met = false;                         // its tools were approved for the first time
  bool heard = false;                       // so was what it says of itself, which older ledgers let pass
  std::map<std::string, std::string> pins;  // by tool, the fingerprint that was approved
};

struct ToolPin {
  std::string tool;
  std::string fingerprint;
  std::string json;  // what was approved
};

class ToolGateTable {
 public:
  explicit ToolGateTable(Database& database) : database_(database) {}

  net::Task<Result<std::vector<ToolGateRow>>> list();
  net::Task<Result<void>> set_lists(std::string mesh, std::string service, std::string lists_json);
  // In place of what was approved of tools of those names; the service was met.
  net::Task<Result<void>> approve(std::string mesh, std::string service, std::vector<ToolPin> pins);
  // In place of all that was pinned.
  net::Task<Result<void>> pin_anew(std::string mesh, std::string service, std::vector<ToolPin> pins);
  // By tool, what was approved.
  net::Task<Result<std::map<std::string, std::string>>> approved(std::string mesh, std::string service);

 private:
  Database& database_;
};

}  // namespace brig::store
