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
#include "review/patch_text.hpp"

namespace brig::review {

// Larger ones are compared as binary files are: not at all.
inline constexpr std::uint64_t kMaxText = 8u << 20;

Result<Blob> read_blob(const Found& found);
Result<FilePatch> patch_of(const Trees& trees, const Change& change);

}  // namespace brig::review
