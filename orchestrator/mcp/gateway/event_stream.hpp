// One stream of server-sent events: written as things happen, read by whoever is connected, and read again
// from any place by one who lost the connection.
//
// Bounded: when a reader is slow or away the oldest events go, never the newest; who wants to go on from
// before what is kept is told that he cannot. Where its owner's budget is used up, only small events are
// taken, one at a time.
//
// Ownership: shared by who writes and who reads. Threads: the loop's. Failure: none.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "mcp/gateway/budget.hpp"
#include "net/event.hpp"

namespace brig::mcp {

class EventStream {
 public:
  static constexpr std::size_t kKept = 1 << 20;     // bytes, beside the newest event
  static constexpr std::size_t kSmall = 4 * 1'024;  // for these there is always room

  EventStream(net::asio::any_io_executor executor, std::uint64_t number, BudgetRef budget)
      : number_(number), kept_(std::move(budget), 0), changed_(executor) {}

  // One line. False: it is not taken, for want of room or after the end.
  bool push(std::string data);
  // Nothing more will come.
  void finish();
  bool finished() const { return finished_; }
  std::uint64_t number() const { return number_; }
  std::size_t kept() const { return kept_.bytes(); }
  // Somebody is connected.
  bool is_read() const { return readers_ > 0; }

  // A connection that reads. A second one takes over from the first.
  class Reader {
   public:
    Reader(std::shared_ptr<EventStream> stream, std::uint64_t after);
    Reader(Reader&& other) = default;
    Reader& operator=(Reader&&) = delete;
    ~Reader();

    // What there is, as it is written to the connection; waits for something until the deadline, then gives
    // an empty string. None: the end.
    net::Task<std::optional<std::string>> next(Deadline deadline);
    // The data of the only event of a stream that has ended by then; none if there is more to it.
    net::Task<std::optional<std::string>> only(Deadline deadline);
    // An event without data: a place to go on from, should the connection break before anything is said.
    std::string opening() const;

   private:
    std::shared_ptr<EventStream> stream_;
    std::uint64_t position_;  // of the last event given
    std::uint64_t turn_;
  };

  // A reader of all that no reader has been given yet and is kept.
  static Reader read(std::shared_ptr<EventStream> stream);
  // From after this event; none if some that came after it are not kept any more, or it has not been yet.
  static std::optional<Reader> resume(std::shared_ptr<EventStream> stream, std::uint64_t after);

 private:
  std::string id_of(std::uint64_t event) const {
    return std::to_string(number_) + "-" + std::to_string(event);
  }

  std::uint64_t number_;
  std::deque<std::string> events_;
  std::uint64_t last_ = 0;   // the number of the newest
  std::uint64_t given_ = 0;  // the newest that a reader has been given
  Charge kept_;
  bool finished_ = false;
  std::uint64_t turn_ = 0;
  std::size_t readers_ = 0;
  net::Event changed_;
};

// What a client says in Last-Event-ID.
struct EventId {
  std::uint64_t stream = 0;
  std::uint64_t event = 0;
};
std::optional<EventId> parse_event_id(std::string_view text);

}  // namespace brig::mcp
