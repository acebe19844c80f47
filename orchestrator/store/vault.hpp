// The ledger's secrets, sealed, and which of them sessions use.
//
// Ownership: borrows the Database. Threads: the loop's. Failure: as Result.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/names.hpp"
#include "net/task.hpp"
#include "store/database.hpp"

namespace brig::store {

struct VaultRow {
  std::string owner;
  std::string mesh;
  std::string name;
  std::vector<unsigned char> sealed;
  WallTime created{};
  WallTime replaced{};
  std::optional<WallTime> last_used;
};

class VaultTable {
 public:
  explicit VaultTable(Database& database) : database_(database) {}

  // In place of what has that name: then its creation stays. `too_large` beyond `most` of one owner's.
  net::Task<Result<VaultRow>> put(VaultRow row, std::size_t most);
  net::Task<Result<std::vector<VaultRow>>> list(std::string owner, std::string mesh);  // by name
  net::Task<Result<std::optional<VaultRow>>> find(std::string owner, std::string mesh, std::string name);
  // None: there is no such row. Else the sessions that use it and have not ended; with any, it is removed
  // only by `force`.
  net::Task<Result<std::optional<std::vector<std::string>>>> remove(std::string owner, std::string mesh,
                                                                    std::string name, bool force);
  net::Task<Result<void>> touch(std::string owner, std::string mesh, std::string name, WallTime now);
  net::Task<Result<std::int64_t>> count();

 private:
  Database& database_;
};

// A credential of a session: which key goes where, and what the sandbox has in its place. No value.
struct CredentialRow {
  std::string key;
  std::string rule_json;
  std::string placeholder;
};

class CredentialTable {
 public:
  explicit CredentialTable(Database& database) : database_(database) {}

  net::Task<Result<void>> replace(SessionId session, std::vector<CredentialRow> rows);
  net::Task<Result<std::vector<CredentialRow>>> list(SessionId session);

 private:
  Database& database_;
};

}  // namespace brig::store
