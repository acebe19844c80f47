// SQLite's C interface with owners: a connection, its prepared statements (each prepared once), transactions.
//
// Ownership: a Statement borrows from its Connection and resets itself when it goes. Threads: one at a time.
// Failure: as Result; a full disk is `exhausted`, a broken file `corrupt`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/clock.hpp"
#include "core/result.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace brig::store {

class Connection;

// One use of a prepared statement. Parameters are numbered from 1, columns from 0.
class Statement {
 public:
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  Statement& bind(int index, std::string_view text) &;
  Statement& bind(int index, const char* text) & { return bind(index, std::string_view(text)); }
  Statement& bind(int index, std::int64_t number) &;
  Statement& bind(int index, bool flag) & { return bind(index, std::int64_t{flag}); }
  Statement& bind(int index, WallTime time) & {
    return bind(index, std::int64_t{time.time_since_epoch().count()});
  }
  Statement& bind_blob(int index, std::span<const unsigned char> bytes) &;
  Statement& bind_null(int index) &;
  template <class T>
  Statement& bind(int index, const std::optional<T>& value) & {
    if (!value) return bind_null(index);
    if constexpr (std::is_convertible_v<const T&, std::string_view>) {
      return bind(index, std::string_view(*value));
    } else {
      return bind(index, *value);
    }
  }

  // True while there is a row.
  Result<bool> step();
  // For statements that yield none.
  Result<void> done();

  std::string text(int column) const;
  std::int64_t integer(int column) const;
  std::span<const unsigned char> blob(int column) const;  // valid until the next step
  bool is_null(int column) const;
  WallTime time(int column) const { return WallTime{Millis{integer(column)}}; }
  std::optional<std::string> optional_text(int column) const;
  std::optional<WallTime> optional_time(int column) const;

 private:
  friend class Connection;
  Statement(Connection& connection, sqlite3_stmt* statement)
      : connection_(&connection), statement_(statement) {}
  void note(int rc);

  Connection* connection_;
  sqlite3_stmt* statement_;
  int failed_ = 0;  // the first bind that went wrong, told by step()
};

class Connection {
 public:
  static Result<std::unique_ptr<Connection>> open(const std::filesystem::path& file);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  // `sql` must be a literal: it is the key of the cache, by its address.
  Result<Statement> prepare(const char* sql);
  // Several statements at once, no parameters: schema and pragmas.
  Result<void> execute(const char* sql);
  // Rows changed by the last statement.
  std::int64_t changes() const;

  // Error of the last call that returned `rc`.
  Error error(int rc, std::string_view doing) const;

 private:
  explicit Connection(sqlite3* handle) : handle_(handle) {}
  sqlite3* handle_;
  std::map<const char*, sqlite3_stmt*> cache_;
};

// Rolls back unless committed.
class Transaction {
 public:
  static Result<Transaction> begin(Connection& connection);
  Transaction(Transaction&& other) noexcept : connection_(std::exchange(other.connection_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Result<void> commit();

 private:
  explicit Transaction(Connection& connection) : connection_(&connection) {}
  Connection* connection_;
};

}  // namespace brig::store
