#include "store/connection.hpp"

#include <fcntl.h>
#include <sqlite3.h>

#include <limits>

#include "core/text.hpp"
#include "core/unique_fd.hpp"

namespace brig::store {

namespace {

Code code_of(int rc) {
  if (rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY) return Code::conflict;
  switch (rc & 0xff) {
    case SQLITE_FULL:
    case SQLITE_NOMEM:
      return Code::exhausted;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Code::corrupt;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Code::unavailable;
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
      return Code::denied;
    case SQLITE_TOOBIG:
      return Code::too_large;
    case SQLITE_CONSTRAINT:
      return Code::invalid;
    default:
      return Code::internal;
  }
}

}  // namespace

Statement::Statement(Statement&& other) noexcept
    : connection_(other.connection_),
      statement_(std::exchange(other.statement_, nullptr)),
      failed_(other.failed_) {}

Statement::~Statement() {
  if (!statement_) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

void Statement::note(int rc) {
  if (rc != SQLITE_OK && failed_ == SQLITE_OK) failed_ = rc;
}

// Everything bound is copied: what it was bound from may go before the statement runs.
Statement& Statement::bind(int index, std::string_view text) & {
  note(sqlite3_bind_text64(statement_, index, text.data() ? text.data() : "", text.size(), SQLITE_TRANSIENT,
                           SQLITE_UTF8));
  return *this;
}

Statement& Statement::bind(int index, std::int64_t number) & {
  note(sqlite3_bind_int64(statement_, index, number));
  return *this;
}

Statement& Statement::bind_blob(int index, std::span<const unsigned char> bytes) & {
  static const unsigned char kNothing = 0;
  note(sqlite3_bind_blob64(statement_, index, bytes.empty() ? &kNothing : bytes.data(), bytes.size(),
                           SQLITE_TRANSIENT));
  return *this;
}

Statement& Statement::bind_null(int index) & {
  note(sqlite3_bind_null(statement_, index));
  return *this;
}

Result<bool> Statement::step() {
  if (failed_ != SQLITE_OK) return connection_->error(failed_, "The ledger refused a value");
  int rc = sqlite3_step(statement_);
  if (rc == SQLITE_ROW) return true;
  if (rc == SQLITE_DONE) return false;
  return connection_->error(rc, "The ledger could not be read or written");
}

Result<void> Statement::done() {
  BRIG_TRY(bool row, step());
  if (row) return Error{Code::internal, "A statement that yields no rows yielded one.", "store", false};
  return {};
}

std::string Statement::text(int column) const {
  auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (!data) return {};
  return std::string(data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

std::span<const unsigned char> Statement::blob(int column) const {
  auto* data = static_cast<const unsigned char*>(sqlite3_column_blob(statement_, column));
  if (!data) return {};
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

std::optional<std::string> Statement::optional_text(int column) const {
  if (is_null(column)) return std::nullopt;
  return text(column);
}

std::optional<WallTime> Statement::optional_time(int column) const {
  if (is_null(column)) return std::nullopt;
  return time(column);
}

Result<std::unique_ptr<Connection>> Connection::open(const std::filesystem::path& file) {
  // Made by us, so that it is never readable by others; SQLite gives its companions the same mode.
  UniqueFd made(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!made) return errno_error(errno, "Cannot open the ledger " + brig::quoted(file.native(), 200), "store");
  made.reset();
  sqlite3* handle = nullptr;
  int rc = sqlite3_open_v2(file.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  std::unique_ptr<Connection> connection(new Connection(handle));
  if (rc != SQLITE_OK)
    return connection->error(rc, "Cannot open the ledger " + brig::quoted(file.native(), 200));
  sqlite3_extended_result_codes(handle, 1);
  // Someone looking at the ledger with another program may hold it for a moment.
  sqlite3_busy_timeout(handle, 5000);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DQS_DDL, 0, nullptr);
  // synchronous=NORMAL in WAL mode: a commit is a write to the log, no fsync. It survives our death, since
  // the page cache is the kernel's; the log is synced before it is folded into the file, so a power cut can
  // cost recent commits but never consistency. cache_size is in KiB when negative; the ledger is small.
  BRIG_CHECK(
      connection->execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;"
                          "PRAGMA cache_size=-512; PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF;"));
  return connection;
}

Connection::~Connection() {
  for (auto& [sql, statement] : cache_) sqlite3_finalize(statement);
  sqlite3_close(handle_);
}

Result<Statement> Connection::prepare(const char* sql) {
  auto& statement = cache_[sql];
  if (!statement) {
    int rc = sqlite3_prepare_v3(handle_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (rc != SQLITE_OK) {
      Error failure = error(rc, "The ledger does not understand a statement");
      cache_.erase(sql);
      return failure;
    }
  } else if (sqlite3_stmt_busy(statement)) {
    return Error{Code::internal, "A statement of the ledger was used while in use.", "store", false};
  }
  return Statement(*this, statement);
}

Result<void> Connection::execute(const char* sql) {
  int rc = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
  if (rc != SQLITE_OK) return error(rc, "The ledger could not be prepared");
  return {};
}

std::int64_t Connection::changes() const {
  return sqlite3_changes64(handle_);
}

Error Connection::error(int rc, std::string_view doing) const {
  Code code = code_of(rc);
  std::string message = std::string(doing) + ": " + printable(sqlite3_errmsg(handle_));
  if (code == Code::exhausted) message += "; free space in the state directory";
  return Error{code, std::move(message), "store", code == Code::unavailable};
}

Result<Transaction> Transaction::begin(Connection& connection) {
  // IMMEDIATE: takes the write lock now, so that nothing in the middle can fail for want of it.
  BRIG_CHECK(connection.execute("BEGIN IMMEDIATE"));
  return Transaction(connection);
}

Transaction::~Transaction() {
  // It fails only if SQLite rolled back by itself already.
  if (connection_) (void)connection_->execute("ROLLBACK");
}

Result<void> Transaction::commit() {
  BRIG_CHECK(connection_->execute("COMMIT"));
  connection_ = nullptr;
  return {};
}

}  // namespace brig::store
