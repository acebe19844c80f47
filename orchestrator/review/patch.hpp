// Changes as a patch in git's format, which `git apply` takes.
//
// What git cannot say (pipes, empty directories, mode bits other than "executable") stands before the file's
// part in lines that begin with '#', which git passes over. Contents are the agent's bytes as they are: who
// shows them on a terminal has to make them harmless first.
//
// Threads: those of with_rights(). Failure: as Result.
#pragma once

#include <cstdint>
#include <string>

#include "review/changes.hpp"

namespace brig::review {

// Larger ones are compared as binary files are: not at all.
inline constexpr std::uint64_t kMaxText = 8u << 20;

struct LineCount {
  std::uint64_t added = 0;
  std::uint64_t deleted = 0;
  bool binary = false;
};

struct FilePatch {
  std::string text;
  LineCount lines;
};

// One version of a file, as far as git has a word for it.
struct Blob {
  mode_t mode = 0;  // git's: 0100644, 0100755, 0120000; 0: there is none
  std::string bytes;
  bool binary = false;  // bytes are not all here
};

// The patch that makes `after` of `before`; `from` and `path` are the same unless it was renamed.
FilePatch patch_between(const std::string& from, const Blob& before, const std::string& path,
                        const Blob& after);

Result<Blob> read_blob(const Found& found);
Result<FilePatch> patch_of(const Trees& trees, const Change& change);

}  // namespace brig::review
