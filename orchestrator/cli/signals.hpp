// Signals as events: blocked, and read from a descriptor that sits in the poll.
//
// A signal that was ignored when we were started (nohup) stays ignored. Process-wide: one Signals at a time.
// Threads: one. Failure: without a descriptor, signals do what they do by default.
#pragma once

#include <csignal>
#include <initializer_list>
#include <string>

#include "core/unique_fd.hpp"

namespace brig::cli {

class Signals {
 public:
  explicit Signals(std::initializer_list<int> numbers);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  int fd() const { return fd_.get(); }
  // The next signal, or 0.
  int take();

 private:
  UniqueFd fd_;
  sigset_t before_{};
};

// "INT" for SIGINT; "" for what has no name.
std::string signal_name(int number);

// Ends us as that signal does by default, so that whoever waits for us sees it.
[[noreturn]] void die_of(int number);

}  // namespace brig::cli
