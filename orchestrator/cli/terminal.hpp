// The person's terminal: raw while a process has it, and as it was before, whatever ends us short of SIGKILL.
//
// One RawTerminal at a time (it is process-wide state: signal handlers for crashes restore it too).
// Threads: one. Failure: a terminal that cannot be set stays as it is.
#pragma once

#include <termios.h>

#include <cstdint>
#include <optional>

namespace brig::cli {

struct WindowSize {
  std::uint16_t rows = 24;
  std::uint16_t cols = 80;
  bool operator==(const WindowSize&) const = default;
};

std::optional<WindowSize> window_size(int fd);

class RawTerminal {
 public:
  explicit RawTerminal(int fd);
  ~RawTerminal();
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

  void restore();
  void make_raw();

 private:
  int fd_;
  bool usable_ = false;
  termios before_{};
};

// A raw terminal whose screen is ours: what was on it before is there again afterwards.
class FullScreen {
 public:
  explicit FullScreen(int fd);
  ~FullScreen();
  FullScreen(const FullScreen&) = delete;
  FullScreen& operator=(const FullScreen&) = delete;

 private:
  RawTerminal terminal_;
};

}  // namespace brig::cli
