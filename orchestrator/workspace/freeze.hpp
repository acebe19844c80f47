// Holds a file system still: it is whole on its device, and whoever writes to it waits, until this goes.
//
// A process of its own lets go should ours die. Who kills both finds the writers waiting until thaw().
//
// Ownership: the file system may be unmounted elsewhere meanwhile. Threads: any; making it blocks until what
// is dirty is written. Failure: `conflict` if it is held already, `unsupported` if it cannot be.
#pragma once

#include <sys/types.h>

#include "core/result.hpp"
#include "core/unique_fd.hpp"

namespace brig::workspace {

class Freeze {
 public:
  // `root`: a directory of the file system; not O_PATH.
  static Result<Freeze> hold(UniqueFd root);
  Freeze(Freeze&&) noexcept = default;
  Freeze& operator=(Freeze&&) = delete;
  ~Freeze();

 private:
  Freeze(UniqueFd root, UniqueFd keep, pid_t guard)
      : root_(std::move(root)), keep_(std::move(keep)), guard_(guard) {}

  UniqueFd root_;
  UniqueFd keep_;  // the guard's sign that we live
  pid_t guard_ = -1;
};

// No error if it is not held.
Result<void> thaw(int root);

}  // namespace brig::workspace
