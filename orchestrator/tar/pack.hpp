// Makes an archive of one file or directory and all beneath it, as it stands.
//
// A symbolic link that is named itself is followed, those found beneath are kept as links. What cannot be
// read and what is no file (sockets, pipes, devices) is left out, with a note in the archive. A file that
// shrinks meanwhile is filled up with zeros, with a note; one that grows is cut.
//
// Ownership: borrows the sink. No heap. Threads: one. Failure: false; trouble() says why, and is not set if
// it was the sink that took no more.
#pragma once

#include "tar/entry.hpp"

namespace brig::tar {

class Packer {
 public:
  explicit constexpr Packer(Sink& sink) : sink_(sink) {}
  Packer(const Packer&) = delete;
  Packer& operator=(const Packer&) = delete;

  // `path` seen from `directory`; in the archive it is called `name`.
  bool pack(int directory, const char* path, const char* name);
  const Trouble& trouble() const { return trouble_; }

 private:
  bool pack_one(int directory, const char* path, std::size_t name_size, bool follow, std::size_t depth);
  bool pack_file(int fd, std::uint64_t size);
  bool pack_directory(int fd, std::size_t name_size, std::size_t depth);
  bool note(const char* what, int error);
  bool fail(const char* doing, int error, const char* path);

  Sink& sink_;
  char name_[kMaxName] = {};
  char target_[kMaxName] = {};
  char buffer_[64 * 1024] = {};
  Trouble trouble_;
};

}  // namespace brig::tar
