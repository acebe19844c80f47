// Long output through the person's pager, as git does it: $BRIG_PAGER, $PAGER, or less; only on a terminal.
//
// Ownership: the destructor waits until the person has left the pager. Threads: one. Failure: without a pager
// the text goes to standard output.
#pragma once

#include <sys/types.h>

#include "cli/client/endpoint.hpp"

namespace brig::cli {

class Pager {
 public:
  // From here on standard output is the pager's, if it was a terminal.
  explicit Pager(const Environment& environment);
  ~Pager();
  Pager(const Pager&) = delete;
  Pager& operator=(const Pager&) = delete;

 private:
  pid_t child_ = -1;
  int terminal_ = -1;  // standard output as it was
};

}  // namespace brig::cli
