// The ledger: one SQLite file, one connection, one thread.
//
// A commit that was acknowledged survives kill -9 of brigd: it stands in the write-ahead log, in the kernel's
// page cache. A power cut may take back the last commits, never tear one (WAL with synchronous=NORMAL); what
// brigd then finds running beyond its ledger, reconciling sorts out.
//
// Ownership: Database owns the connection, the thread and the lock on the state directory.
// Threads: open() blocks and is for start-up; run() is for the loop and executes on the thread, in order.
// Failure: as Result. A file written by a newer brigd, one that is damaged, and a state directory that
// another brigd has in use are refused by open().
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "core/result.hpp"
#include "core/unique_fd.hpp"
#include "net/worker.hpp"
#include "store/connection.hpp"

namespace brig::store {

class Database {
 public:
  // Makes the file (mode 0600) if there is none, brings an older schema up to date.
  static Result<std::unique_ptr<Database>> open(const std::filesystem::path& file);
  ~Database();

  // 16 hex digits, made when the file was: what tells this brigd's containers from another's.
  const std::string& installation() const { return installation_; }

  // Runs `function(Connection&)`, which returns a Result, on the thread.
  template <class F>
  net::Task<std::invoke_result_t<F&, Connection&>> run(F function) {
    auto job = [this, function = std::move(function)]() mutable { return function(*connection_); };
    co_return co_await worker_.run(std::move(job));
  }

 private:
  Database(UniqueFd lock, std::unique_ptr<Connection> connection, std::string installation);

  UniqueFd lock_;  // released last: the next brigd may open the file only once we have closed it
  std::unique_ptr<Connection> connection_;
  std::string installation_;
  net::Worker worker_{1};  // joined first
};

}  // namespace brig::store
