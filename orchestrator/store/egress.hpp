// The ledger's egress rules: those of each session, and those that stand for an owner's project.
//
// Ownership: borrows the Database. Threads: the loop's. Failure: as Result. Every method is one commit.
#pragma once

#include <vector>

#include "net/task.hpp"
#include "store/database.hpp"
#include "store/rows.hpp"

namespace brig::store {

struct EgressRow {
  std::string verb;  // "allow", "deny"; "ask": there is no rule then
  std::string rule;  // as people write it
  std::string from;  // who gave it, for people

  bool operator==(const EgressRow&) const = default;
};

class EgressTable {
 public:
  explicit EgressTable(Database& database) : database_(database) {}

  // What the session has from now on; in this order. The session's row must be there, and takes these with
  // it.
  net::Task<Result<void>> replace(SessionId session, std::vector<EgressRow> rows);
  net::Task<Result<std::vector<EgressRow>>> list(SessionId session);

  // What stands for every session of this owner over this project ("": none), from its beginning.
  net::Task<Result<void>> stand(std::string owner, std::string project, EgressRow row);
  net::Task<Result<bool>> withdraw(std::string owner, std::string project, std::string rule);
  net::Task<Result<std::vector<EgressRow>>> standing(std::string owner, std::string project);

 private:
  Database& database_;
};

}  // namespace brig::store
