// The ledger's previews: which port of which session may be reached by a URL, until when, with which token.
//
// Ownership: borrows the Database. Threads: the loop's. Failure: as Result. Every method is one commit. A
// session's row takes its previews with it.
#pragma once

#include <optional>
#include <vector>

#include "net/task.hpp"
#include "store/database.hpp"
#include "store/rows.hpp"

namespace brig::store {

struct PreviewRow {
  std::string id;
  TokenHash hash{};  // of the token; the token itself is kept nowhere
  SessionId session;
  std::uint16_t port = 0;
  std::string owner;  // the session's
  std::string mesh;
  WallTime created{};
  WallTime expires{};
};

class PreviewTable {
 public:
  explicit PreviewTable(Database& database) : database_(database) {}

  // `conflict` if the session is gone.
  net::Task<Result<void>> create(PreviewRow row);
  net::Task<Result<std::vector<PreviewRow>>> list();  // oldest first, expired ones too
  net::Task<Result<std::optional<PreviewRow>>> find(std::string id);
  net::Task<Result<void>> remove(std::string id);
  net::Task<Result<void>> remove_expired(WallTime now);

 private:
  Database& database_;
};

}  // namespace brig::store
