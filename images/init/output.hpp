// The output of one process: bytes of both streams in order of reading, kept until brigd acknowledges them.
//
// A ring holds the bytes, a list of runs says which stream they came from. When either is full the process's
// pipe is not read any more, and the process waits: memory is bounded and nothing is lost.
//
// Ownership: owns its memory. Threads: one. Failure: open() gives false when there is no memory.
#pragma once

#include "init/ring.hpp"
#include "link_wire/frame.hpp"

namespace brig::init {

class Output {
 public:
  bool open();
  void close();

  std::uint64_t begin() const { return ring_.begin(); }  // first byte not acknowledged
  std::uint64_t end() const { return ring_.end(); }
  std::uint64_t sent() const { return sent_; }  // first byte brigd was not sent
  std::size_t size() const { return ring_.size(); }
  bool has_room() const { return ring_.room() > 0 && runs_ < kMaxRuns; }

  // Reads up to 64 KiB from `fd`. As read(2): 0 at the end, -1 with errno. Call only if has_room().
  ssize_t read_from(int fd, link::Stream stream);

  // The next bytes to send: at most `max` of one stream. Zero if all is sent.
  std::size_t next(std::size_t max, link::Stream& stream) const;
  int bytes(std::uint64_t offset, std::size_t length, iovec out[2]) const {
    return ring_.bytes(offset, length, out);
  }
  void mark_sent(std::size_t length);
  // False if brigd acknowledges what it was never sent. Older acknowledgements are fine.
  bool acknowledge(std::uint64_t offset);
  // After a reconnect: brigd holds everything before `held`. False if that is more than there ever was.
  bool resume(std::uint64_t held);

  void trim();

 private:
  // Alternating small writes to both streams make many runs; at this many, reading waits.
  static constexpr std::uint32_t kMaxRuns = 2048;
  static constexpr std::uint32_t kErrBit = 0x80000000;

  std::uint32_t& run(std::uint32_t index) const { return run_[(first_run_ + index) % kMaxRuns]; }
  static std::uint32_t length_of(std::uint32_t run) { return run & ~kErrBit; }
  void drop_runs(std::uint64_t until);
  void seek(std::uint64_t offset);

  Ring ring_;
  std::uint32_t* run_ = nullptr;
  std::uint32_t first_run_ = 0;
  std::uint32_t runs_ = 0;
  std::uint64_t runs_begin_ = 0;  // where the first run begins; at or before begin()
  std::uint64_t sent_ = 0;
  std::uint32_t send_run_ = 0;  // the run sent_ lies in, counted from the first
  std::uint32_t send_at_ = 0;   // and how far into it
  bool runs_touched_ = false;
};

}  // namespace brig::init
