// One process brigd asked for: its descriptors, its output and input, and what brigd is still to be told of
// it.
//
// What is to be told is state, not a queue (`due`): a lost connection loses nothing, and a slow one costs
// nothing.
//
// Ownership: owns its descriptors and buffers. Threads: one. Failure: none of its own.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "init/output.hpp"
#include "init/stdin_sink.hpp"
#include "init/system.hpp"
#include "link_wire/messages.hpp"

namespace brig::init {

// A descriptor that output is read from.
struct Source {
  int fd = -1;
  link::Stream stream = link::Stream::out;
  bool readable = false;
  bool drained = false;          // nothing that was written before the exit is left in it
  std::uint32_t drain_left = 0;  // of such bytes, at most

  bool open() const { return fd >= 0; }
};

class Process {
 public:
  enum Due : std::uint8_t { kSpawned = 1, kFailed = 2, kExited = 4, kEnd = 8, kStdinAck = 16 };

  bool free() const { return id_ == 0; }
  std::uint32_t id() const { return id_; }
  pid_t pid() const { return pid_; }
  link::ProcessState state() const { return state_; }
  // Its pid is its own: it has not been reaped.
  bool alive() const { return pid_ > 0 && !reaped_; }
  bool terminal() const { return terminal_; }
  Output& output() { return output_; }
  StdinSink& input() { return input_; }
  const StdinSink& input() const { return input_; }
  Source* sources() { return sources_; }
  int exec_status() const { return exec_status_; }

  void fail(std::uint32_t id, link::Stage stage, int error);
  // Memory for its output, before it is started.
  bool reserve() { return output_.open(); }
  void begin(std::uint32_t id, bool terminal, const system::Child& child);
  void release();
  // brigd wants to hear no more of it; released as soon as nothing of it is on its way.
  void forget() { forgotten_ = true; }
  bool forgotten() const { return forgotten_; }

  // The exec status became readable.
  void on_exec_status();
  // It was reaped.
  void on_exit(link::ExitKind kind, std::uint32_t status);
  // Reads what there is into free room. True if there is more of both.
  bool read_output();
  bool output_closed() const { return !sources_[0].open() && !sources_[1].open(); }

  // WELCOME came: what HELLO said need not be said again, the rest does.
  void on_connected();
  link::ProcessRecord record();
  // A repeated SPAWN: say again how it went.
  void answer_again();

  std::uint8_t due() const { return due_; }
  void set_due(Due what) { due_ = static_cast<std::uint8_t>(due_ | what); }
  void clear_due(Due what) { due_ = static_cast<std::uint8_t>(due_ & ~what); }
  std::uint8_t kind() const { return kind_; }
  std::uint32_t status() const { return status_; }
  std::uint64_t exit_offset() const { return exit_offset_; }

 private:
  void close_sources();
  void settle_exit();

  std::uint32_t id_ = 0;
  pid_t pid_ = 0;
  link::ProcessState state_ = link::ProcessState::starting;
  bool terminal_ = false;
  bool reaped_ = false;
  bool forgotten_ = false;
  std::uint8_t kind_ = 0;
  std::uint8_t due_ = 0;
  std::uint32_t status_ = 0;
  std::uint64_t exit_offset_ = 0;
  int exec_status_ = -1;
  Source sources_[2];
  Output output_;
  StdinSink input_;
};

}  // namespace brig::init
