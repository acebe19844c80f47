// What happened, in order: one append-only stream, numbered, bounded by rows and age, kept by the ledger.
//
// A change of a session's phase writes its event in the very transaction that changes it, so the two are
// never apart (store/sessions.cpp). All else comes by add(), which only queues: what was added is committed,
// many at a time, within moments. A kill -9 in between loses what was queued, which nobody has seen yet, for
// readers are shown committed events alone: a number once seen stands for the same event for ever. So: add()
// is for what may be lost with the process that did it; what must not be, is a change of a row that tells
// itself.
//
// Readers read the ledger, each at its own pace from its own place; a slow one holds up nobody and costs
// nothing, and is told what was trimmed away before it came to it.
//
// Ownership: borrows the table. Threads: the loop's. Failure: add() never fails; when the ledger does not
// take events for long, the newest are dropped, counted, and the loss is itself an event.
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "core/metrics.hpp"
#include "core/names.hpp"
#include "net/event.hpp"
#include "store/events.hpp"

namespace brig::events {

struct Event {
  std::string kind;   // words with dots, the general one first: "session.ended", "egress.denied"
  SessionId session;  // empty: of none
  std::string owner;  // whose it is; empty: the operator's alone
  std::string mesh;
  std::string detail = "{}";  // a JSON object
};

using Record = store::EventRow;

// Whose events, and which. What is not set is not asked for.
struct Filter {
  std::optional<std::string> owner;
  std::optional<std::string> mesh;
  std::optional<std::string> session;
  std::optional<std::string> kind;  // with every kind below it
};

class Cursor;

class Log {
 public:
  static constexpr std::size_t kMaxDetail = 4096;  // bytes; a longer detail is replaced by a note of that
  static constexpr std::size_t kMaxQueued = 4096;

  struct Options {
    std::uint64_t rows = 50'000;
    Millis age = std::chrono::hours(24 * 30);
  };

  Log(net::asio::any_io_executor executor, Options options, store::EventTable& table, const Clock& clock,
      metrics::Registry& metrics);

  void add(Event event);
  // The ledger has committed `count` events by itself.
  void wake(std::size_t count = 1) {
    commits_ += count;
    committed_.notify_all();
  }

  // Commits what is added and trims what is too old; until cancelled.
  net::Task<void> run();
  // Commits what is queued now.
  net::Task<Result<void>> flush();
  net::Task<Result<void>> trim();

  // Events beyond number `after`; none: those to come from now on.
  net::Task<Result<Cursor>> open(Filter filter, std::optional<std::uint64_t> after);

 private:
  friend class Cursor;

  Options options_;
  store::EventTable& table_;
  const Clock& clock_;
  std::deque<store::EventRow> queued_;
  std::uint64_t dropped_ = 0;
  bool failing_ = false;
  net::Event added_;
  net::Event committed_;
  std::uint64_t commits_ = 0;
  std::uint64_t trimmed_at_ = 0;  // of commits_
  metrics::Counter& recorded_;
  metrics::Counter& lost_;
};

// One reader's place in the stream. Borrows the Log.
class Cursor {
 public:
  // Events that were forgotten before this reader came to them; some may have been for it.
  struct Missed {
    std::uint64_t from = 0;
    std::uint64_t to = 0;
  };
  struct Batch {
    std::optional<Missed> missed;  // before `records`
    std::vector<Record> records;
    bool end = false;  // nothing more is there now
  };

  Cursor(Log& log, Filter filter, std::uint64_t position)
      : log_(&log), filter_(std::move(filter)), position_(position) {}

  // What is there now, a page of it.
  net::Task<Result<Batch>> next();
  // The same, but waits for something until the deadline; then an empty batch.
  net::Task<Result<Batch>> next_until(Deadline deadline);
  // Everything up to this number has been given or did not match: where to go on another time.
  std::uint64_t position() const { return position_; }

 private:
  Log* log_;
  Filter filter_;
  std::uint64_t position_;
};

}  // namespace brig::events
