// Writes a process's output to our own stdout and stderr without ever blocking the loop, and without copying:
// what is queued lies in the caller's receive buffer until it is written.
//
// The descriptors are shared with whoever started us, so their flags are left alone: a pipe or terminal is
// opened once more for non-blocking writes, a socket is written with MSG_DONTWAIT, anything else in pieces
// that a poll promised room for. Threads: one. Failure: Error; a reader that went away is broken_pipe().
#pragma once

#include <sys/uio.h>

#include <array>
#include <span>
#include <string_view>

#include "core/result.hpp"
#include "core/unique_fd.hpp"

namespace brig::cli {

class Outlet {
 public:
  explicit Outlet(int fd);
  // What was written of `parts`; 0: no room now, poll fd().
  Result<std::size_t> write(std::span<const iovec> parts);
  int fd() const { return reopened_ ? reopened_.get() : fd_; }

 private:
  enum class Way { reopened, socket, plain_file, piecewise };
  int fd_;
  UniqueFd reopened_;
  Way way_ = Way::piecewise;
};

class Sink {
 public:
  Sink() : outlets_{Outlet(1), Outlet(2)} {}

  // May bytes for `which` (1 or 2) be added, or must the queue be flushed first?
  bool takes(int which) const { return empty() || (which == which_ && count_ < queue_.size()); }
  // `bytes` stay where they are until empty().
  void add(int which, std::string_view bytes);
  // Writes what can be written.
  Result<void> flush();
  bool empty() const { return first_ == count_; }
  int waiting_fd() const { return outlets_[static_cast<std::size_t>(which_ - 1)].fd(); }

 private:
  std::array<Outlet, 2> outlets_;
  std::array<iovec, 256> queue_{};
  std::size_t first_ = 0;
  std::size_t count_ = 0;
  int which_ = 1;  // where the queue goes: bytes for the other are added only when it is empty
};

// True if the error says that nobody reads what we write.
bool is_broken_pipe(const Error& error);

}  // namespace brig::cli
