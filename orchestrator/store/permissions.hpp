// The ledger's permissions: what single peers of a mesh may do beyond, or short of, their role.
//
// Ownership: borrows the Database. Threads: the loop's. Failure: as Result. Every method is one commit.
#pragma once

#include <string>
#include <vector>

#include "net/task.hpp"
#include "store/database.hpp"

namespace brig::store {

struct PermissionRow {
  std::string mesh;
  std::string peer;
  std::string overrides_json;
};

class PermissionTable {
 public:
  explicit PermissionTable(Database& database) : database_(database) {}

  net::Task<Result<void>> put(PermissionRow row);
  net::Task<Result<void>> remove(std::string mesh, std::string peer);  // whether or not there is one
  net::Task<Result<std::vector<PermissionRow>>> list();

 private:
  Database& database_;
};

}  // namespace brig::store
