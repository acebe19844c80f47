// From the steps a file has had to those there are.
#include "store/schema.hpp"

namespace brig::store {
namespace {

// In the transaction that changed it.
Result<void> check_references(Connection& connection) {
  BRIG_TRY(Statement statement, connection.prepare("PRAGMA foreign_key_check"));
  BRIG_TRY(bool dangling, statement.step());
  if (!dangling) return {};
  return Error{Code::corrupt,
               "Rows of the ledger's table " + statement.text(0) + " belong to others that are not there",
               "store: open", false};
}

Result<void> take_steps(Connection& connection, std::span<const char* const> steps, std::int64_t version) {
  for (; version < static_cast<std::int64_t>(steps.size()); ++version) {
    BRIG_TRY(Transaction transaction, Transaction::begin(connection));
    BRIG_CHECK(connection.execute(steps[static_cast<std::size_t>(version)]));
    BRIG_CHECK(connection.execute(("PRAGMA user_version=" + std::to_string(version + 1)).c_str()));
    BRIG_CHECK(check_references(connection));
    BRIG_CHECK(transaction.commit());
  }
  return {};
}

}  // namespace

Result<std::int64_t> schema_of(Connection& connection) {
  BRIG_TRY(Statement statement, connection.prepare("PRAGMA user_version"));
  BRIG_TRY(bool row, statement.step());
  return row ? statement.integer(0) : 0;
}

Result<void> migrate(Connection& connection, std::span<const char* const> steps) {
  BRIG_TRY(std::int64_t version, schema_of(connection));
  auto known = static_cast<std::int64_t>(steps.size());
  if (version < 0 || version > known) {
    return Error{Code::unsupported,
                 "The ledger was written by a newer Brig (its schema is " + std::to_string(version) +
                     ", this one knows up to " + std::to_string(known) +
                     "): install that version again, or start with another state directory",
                 "store: open", false};
  }
  if (version == known) return {};
  // A table that is made anew is dropped first, which would take with it whatever refers to its rows.
  BRIG_CHECK(connection.execute("PRAGMA foreign_keys=OFF"));
  auto taken = take_steps(connection, steps, version);
  BRIG_CHECK(connection.execute("PRAGMA foreign_keys=ON"));
  return taken;
}

}  // namespace brig::store
