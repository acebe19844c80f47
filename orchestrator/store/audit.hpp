// The ledger's audit: what was done in each mesh, in order, and each mesh's anchor.
//
// This module keeps rows; what makes a chain of them, and what is to be believed of it, is audit's.
//
// Ownership: borrows the Database. Threads: the loop's. Failure: as Result. Every method is one transaction.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "net/task.hpp"
#include "store/database.hpp"

namespace brig::store {

struct AuditRow {
  std::uint64_t id = 0;  // within its mesh: 1, 2, 3, …
  std::string mesh;
  std::string event;
  std::string actor;
  std::string payload;  // JSON
  std::string prev_hash;
  std::string hash;
  WallTime created{};
  bool operator==(const AuditRow&) const = default;
};

using AuditSeal = std::vector<unsigned char>;
using AuditSeals = std::map<std::string, AuditSeal>;     // by mesh
using AuditCuts = std::map<std::string, std::uint64_t>;  // likewise

class AuditTable {
 public:
  explicit AuditTable(Database& database) : database_(database) {}

  // With the anchors that hold once they are there, and without those up to an id that are let go.
  net::Task<Result<void>> append(std::vector<AuditRow> rows, AuditSeals anchors, AuditCuts cuts);
  net::Task<Result<AuditSeals>> anchors();
  net::Task<Result<std::optional<AuditRow>>> last(std::string mesh);

  struct Page {
    std::vector<AuditRow> rows;
    std::optional<AuditSeal> anchor;  // as it was when they were read
  };
  // At most `most` with a higher id, in order.
  net::Task<Result<Page>> after(std::string mesh, std::uint64_t id, std::size_t most);
  // The newest first; of this event and those below it ("service" has "service.deployed"), or of any.
  net::Task<Result<std::vector<AuditRow>>> newest(std::string mesh, std::string event, std::uint64_t limit,
                                                  std::uint64_t offset);

 private:
  Database& database_;
};

}  // namespace brig::store
