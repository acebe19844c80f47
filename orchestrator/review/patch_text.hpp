// Two versions of a file as a patch in git's format: text alone, without a look at any tree.
//
// Names and contents are an agent's, and go in byte for byte.
//
// Threads: any. Failure: none.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace brig::review {

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

// As git tells: by a NUL near the beginning.
bool looks_binary(std::string_view bytes);

}  // namespace brig::review
