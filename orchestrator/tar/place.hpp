// Where a copy goes, as `cp` understands it: into a directory that is there, or under a new name.
//
// No heap. Threads: plain values. Failure: false, and an errno.
#pragma once

#include "tar/extract.hpp"

namespace brig::tar {

class Place {
 public:
  Place() = default;
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place();

  // `top` is what the archive calls the one thing in it. `never_into`: an existing directory is refused.
  bool open(const char* path, const char* top, bool never_into, int& error);
  int directory() const { return fd_; }
  // Views of this place and of `top`.
  const char* rename() const { return rename_; }

 private:
  int fd_ = -1;
  char rename_[256] = {};
};

}  // namespace brig::tar
