// One process of a session: its output log, its readers, how far it is ahead of them, and its input.
//
// Output arrives from the supervisor in order and is stored before it is acknowledged. A reader that paces
// holds the acknowledgement back once it is kPaceWindow behind, and with it, one window later, the process.
// When a pacing reader vanishes without saying goodbye (a lost connection, a restart of ours) the process is
// held for a while at that offset, so that the reader that comes back finds nothing missing.
//
// Ownership: shared by the session and its attachments, so that a log can be read to its end after the
// session is over. Threads: the loop's. Failure: what cannot be stored (a full disk) becomes a gap that
// readers are told.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "net/event.hpp"
#include "outlog/output_log.hpp"
#include "session/pen.hpp"
#include "session/sessions.hpp"

namespace brig::session {

class Process {
 public:
  static constexpr std::uint64_t kPaceWindow = 1 << 20;
  static constexpr Millis kHold{10'000};

  struct About {
    std::uint32_t number = 1;
    std::vector<std::string> argv;
    std::string cwd;
    bool terminal = false;
    bool stdin_open = false;
    WallTime started{};
  };

  Process(net::asio::any_io_executor executor, About about, std::shared_ptr<outlog::OutputLog> log);

  const About& about() const { return about_; }
  ProcessView view() const;

  // --- output
  // -----------------------------------------------------------------------------------------------
  std::uint64_t output_begin() const { return log_->begin(); }
  std::uint64_t output_end() const { return log_->end(); }
  // Stores the bytes at `offset` and gives the offset that may be acknowledged.
  std::uint64_t store(Output::Stream stream, std::uint64_t offset, WallTime now,
                      std::span<const std::byte> bytes);
  // Output up to `offset` will never come.
  void skip_to(std::uint64_t offset);
  // Wakes readers; call once after a batch of store().
  void wake() { changed_.notify_all(); }
  net::Event& changed() { return changed_; }
  outlog::OutputLog& log() { return *log_; }

  // --- pacing
  // ----------------------------------------------------------------------------------------------- Called
  // with the offset that may be acknowledged whenever it grows without a store().
  std::function<void(std::uint64_t)> on_room;
  class Pace;
  std::unique_ptr<Pace> pace(std::uint64_t from);
  // Holds the process as a pacing reader at `offset` would, until somebody paces or `until`.
  void hold(std::uint64_t offset, SteadyTime until);
  // To be called now and then; lifts a hold that has run out. True while there is one.
  bool expire_hold(SteadyTime now);

  // --- input
  // ------------------------------------------------------------------------------------------------
  std::uint64_t stdin_offset() const { return stdin_offset_; }      // where input goes on
  std::uint64_t stdin_consumed() const { return stdin_consumed_; }  // what the process has taken
  void set_stdin_offset(std::uint64_t offset) { stdin_offset_ = std::max(stdin_offset_, offset); }
  void set_stdin_consumed(std::uint64_t offset);
  // Where it will go on once everything that was accepted from writers is on its way.
  std::uint64_t stdin_promised() const { return std::max(stdin_promised_, stdin_offset_); }
  void promise(std::uint64_t bytes) { stdin_promised_ = stdin_promised() + bytes; }
  Pen& pen() { return pen_; }
  // Writers take turns, so that what each writes stays in one piece.
  class InputTurn;
  net::Task<InputTurn> take_input_turn();

  // --- end
  // --------------------------------------------------------------------------------------------------
  const std::optional<Outcome>& outcome() const { return outcome_; }
  void end(Outcome outcome, WallTime when);

 private:
  std::uint64_t may_acknowledge() const;
  void room_changed();

  About about_;
  std::shared_ptr<outlog::OutputLog> log_;
  net::Event changed_;
  std::multiset<std::uint64_t> paced_;
  struct Hold {
    std::uint64_t offset;
    SteadyTime until;
  };
  std::optional<Hold> hold_;
  std::uint64_t stdin_offset_ = 0;
  std::uint64_t stdin_consumed_ = 0;
  std::uint64_t stdin_promised_ = 0;
  Pen pen_;
  std::optional<Outcome> outcome_;
  std::optional<WallTime> ended_;
  bool storing_failed_ = false;
  bool input_taken_ = false;
};

class Process::InputTurn {
 public:
  InputTurn() = default;
  explicit InputTurn(Process& process) : process_(&process) { process.input_taken_ = true; }
  InputTurn(InputTurn&& other) noexcept : process_(std::exchange(other.process_, nullptr)) {}
  InputTurn& operator=(InputTurn&&) = delete;
  ~InputTurn() {
    if (!process_) return;
    process_->input_taken_ = false;
    process_->wake();
  }

 private:
  Process* process_ = nullptr;
};

// A reader for which the process waits. Destroying it lets the process run on.
class Process::Pace {
 public:
  Pace(Process& process, std::uint64_t from) : process_(process), at_(process.paced_.insert(from)) {}
  Pace(const Pace&) = delete;
  Pace& operator=(const Pace&) = delete;
  ~Pace();
  void advance(std::uint64_t to);
  std::uint64_t offset() const { return *at_; }

 private:
  Process& process_;
  std::multiset<std::uint64_t>::iterator at_;
};

}  // namespace brig::session
