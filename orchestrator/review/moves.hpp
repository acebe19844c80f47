// Directories that the session renamed and whose unwritten files it still takes from where they were.
//
// An apply of such a renaming takes that place away, or puts something else there. Afterwards the workspace
// must be read from the new place (tree.hpp), which holds only once all of the directory is there: so a part
// of it can be applied, but then not what would change the old place.
//
// Threads: those of with_rights(). Failure: as Result.
#pragma once

#include <string>
#include <vector>

#include "review/changes.hpp"
#include "review/journal.hpp"

namespace brig::review {

struct Renamed {
  std::string mark;  // tree.hpp
  std::string path;  // in the workspace
  std::string from;  // in the project
};

Result<std::vector<Renamed>> find_renamed(const Tree& workspace);

// Which of them an apply of `changes`, without `staying`, brings over as a whole.
std::vector<Move> moves_of(const std::vector<Renamed>& renamed, const Selection& selection,
                           const std::vector<std::string>& staying);

// The first of `changes` that would take from a directory, renamed but not among `moves`, what it still
// needs; and that directory's path.
struct Taken {
  std::string path, needed_by;
};
std::vector<Taken> taken_from(const std::vector<Renamed>& renamed, const std::vector<Move>& moves,
                              const std::vector<Change>& changes);

}  // namespace brig::review
