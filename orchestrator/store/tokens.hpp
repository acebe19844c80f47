// The ledger's bearer tokens (their hashes) and its settings.
//
// Ownership: borrows the Database. Threads: the loop's. Failure: as Result.
#pragma once

#include <optional>
#include <vector>

#include "net/task.hpp"
#include "store/database.hpp"
#include "store/rows.hpp"

namespace brig::store {

class TokenTable {
 public:
  explicit TokenTable(Database& database) : database_(database) {}

  net::Task<Result<void>> create(TokenRow row);
  net::Task<Result<std::vector<TokenRow>>> list();  // oldest first, revoked ones too
  // Whatever has this hash, expired and revoked ones too: the caller judges.
  net::Task<Result<std::optional<TokenRow>>> find(TokenHash hash);
  net::Task<Result<TokenRow>> get(std::string id);
  // `not_found` if there is none; the time of the first revocation stays.
  net::Task<Result<void>> revoke(std::string id, WallTime now);
  net::Task<Result<void>> touch(std::string id, WallTime now);

 private:
  Database& database_;
};

class MetaTable {
 public:
  explicit MetaTable(Database& database) : database_(database) {}

  net::Task<Result<std::optional<std::string>>> get(std::string key);
  net::Task<Result<void>> set(std::string key, std::string value);

 private:
  Database& database_;
};

}  // namespace brig::store
