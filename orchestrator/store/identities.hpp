// The ledger's identities: accounts at a provider, each with configuration of its own.
//
// What holds at any time: of an owner's identities at a provider exactly one is the default, once there is
// one. Ownership: borrows the Database. Threads: the loop's. Failure: as Result; one that is not there is
// `not_found`, a label already taken, the last and the default one that is to go are `conflict`. Every method
// is one commit.
#pragma once

#include <vector>

#include "net/task.hpp"
#include "store/database.hpp"
#include "store/rows.hpp"

namespace brig::store {

struct IdentityRow {
  std::string id;
  std::string owner;
  std::string provider;
  std::string label;
  std::string config_dir;  // inside the sandbox; empty: where the provider declares it
  bool is_default = false;
  WallTime created{};
};

struct IdentityChange {
  std::optional<std::string> label;
  std::optional<std::string> config_dir;
  std::optional<bool> is_default;
};

class IdentityTable {
 public:
  explicit IdentityTable(Database& database) : database_(database) {}

  // In the order they were made. If the owner has none at this provider, `seed` becomes the first, and the
  // default.
  net::Task<Result<std::vector<IdentityRow>>> list(IdentityRow seed);
  // The first of all is the default whatever it says; one that says so takes that over. Seeds as list() does.
  net::Task<Result<IdentityRow>> create(IdentityRow row, IdentityRow seed);
  // `is_default = false` of the default is refused: make another the default.
  net::Task<Result<IdentityRow>> update(std::string owner, std::string provider, std::string id,
                                        IdentityChange change);
  net::Task<Result<void>> remove(std::string owner, std::string provider, std::string id);

 private:
  Database& database_;
};

}  // namespace brig::store
