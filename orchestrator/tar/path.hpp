// Paths in archives, piece by piece.
//
// No heap. Threads: plain values. Failure: false for a path that may lead elsewhere or fits nowhere.
#pragma once

#include <cstddef>

namespace brig::tar {

struct Piece {
  const char* text = nullptr;
  std::size_t size = 0;
};

// The next piece of a path, without slashes and "."; none at its end.
bool next_piece(const char*& path, Piece& piece);

// Relative, without "..", no piece over 255 bytes, not too long or deep. "." and "" are fine: the top itself.
bool is_inner_path(const char* path);

// A symbolic link's target that stays beneath the top, whatever other such links stand there: relative, and
// ".." only in front and no more often than the link lies deep (`depth`: directories between it and the top).
bool is_inner_target(const char* target, std::size_t depth);

// Of a path given by a person: its last piece, or "." where that is no name ("", "/", "x/.", "..").
// `out` has kMaxName bytes; false if it does not fit.
bool base_name(const char* path, char* out);

}  // namespace brig::tar
