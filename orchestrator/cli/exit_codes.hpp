// What `brig` exits with, in one table: the code, the manual page and the tests all read it.
//
// `run`, `exec` and `attach` exit with the process's own code once a process ran; the codes below are for
// when Brig itself has something to say. They are those of sysexits.h where it has one. Threads: any.
// Failure: none.
#pragma once

#include <span>

#include "core/exit_code.hpp"

namespace brig::cli {

inline constexpr int kExitUsage = 64;
inline constexpr int kExitNoOutcome = 125;
inline constexpr int kExitSignalBase = 128;

struct ExitMeaning {
  int code;
  const char* meaning;
};

// In ascending order; 0 included.
std::span<const ExitMeaning> exit_table();

}  // namespace brig::cli
