// What makes an attachment survive the loss of its connection: where output goes on, which input may have to
// be sent again, and how long to keep trying.
//
// Pure: no I/O, no clock of its own. Threads: one. Failure: Error{protocol} for a peer that skips or rewinds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/clock.hpp"
#include "core/result.hpp"

namespace brig::cli {

// Lets every byte of the output pass exactly once.
class OutputCursor {
 public:
  // The offset to ask for; none before the first hello of an attachment from the start or the end.
  std::optional<std::uint64_t> next() const { return next_; }
  void start_at(std::uint64_t offset) { next_ = offset; }

  // The server says where this connection begins. Returns how many bytes are lost for good.
  std::uint64_t hello(std::uint64_t offset);
  // Bytes [from, to) are no longer kept. Returns how many of them we had not seen.
  std::uint64_t gap(std::uint64_t from, std::uint64_t to);
  // A piece begins.
  Result<void> begin(std::uint64_t offset);
  // The next bytes of that piece: returns what of them is new.
  std::string_view take(std::string_view bytes);

 private:
  std::optional<std::uint64_t> next_;
  std::uint64_t at_ = 0;  // in the present piece
};

// Input that was read but that the process may not have got yet.
class InputWindow {
 public:
  static constexpr std::size_t kSize = 64 * 1024;

  std::size_t space() const { return closed_ ? 0 : kSize - buffer_.size(); }
  void append(std::string_view bytes);
  void close() { closed_ = true; }
  bool closed() const { return closed_; }
  std::uint64_t end() const { return base_ + buffer_.size(); }

  // A connection begins, on which input goes on at `offset`. What lies before it is kept until it is
  // acknowledged: the next connection may ask for it after all.
  Result<void> hello(std::uint64_t offset);
  // Others have written: what we have is dropped, and goes on at `offset` (or not at all for now).
  void begin_at(std::uint64_t offset);
  void drop();
  void acked(std::uint64_t offset);
  void lost() { ready_ = false; }

  // What is to be sent now (empty: nothing), its offset, and that it was sent.
  std::string_view unsent() const;
  std::uint64_t unsent_offset() const { return sent_; }
  void sent(std::size_t count) { sent_ += count; }
  bool eof_due() const { return ready_ && closed_ && !eof_sent_ && sent_ == end(); }
  void eof_sent() { eof_sent_ = true; }

 private:
  std::string buffer_;
  std::uint64_t base_ = 0;  // of buffer_[0]
  std::uint64_t sent_ = 0;  // on the present connection
  bool known_ = false;      // base_ means something
  bool acked_ = false;      // some of what we sent arrived
  bool ready_ = false;      // hello was heard
  bool closed_ = false;
  bool eof_sent_ = false;
};

// When to try again, when to say so, when to give up.
class Reconnect {
 public:
  explicit Reconnect(Millis limit) : limit_(limit) {}
  static constexpr Millis kQuiet{1000};

  struct Step {
    bool give_up = false;
    bool note = false;  // true once per loss
    Millis wait{0};
  };
  // The connection is gone, or could not be made.
  Step failed(SteadyTime now);
  // brigd spoke to us: the next loss starts afresh.
  void connected();
  bool noted() const { return noted_; }
  Millis limit() const { return limit_; }

 private:
  Millis limit_;
  std::optional<SteadyTime> since_;
  Millis pause_{0};
  bool noted_ = false;
};

}  // namespace brig::cli
