// What a session changed: its workspace compared with the project.
//
// The cost is that of the changes, not of the project: only directories that an upper layer has are looked
// into. A directory that was renamed or replaced is compared whole, as everything in it has another path.
//
// Times and owners are no changes; mode bits, kinds, contents and targets of links are.
//
// Threads: those of with_rights(). Failure: as Result; `too_large` beyond kMaxChanges. A single entry that
// cannot be read is in the list with its trouble.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <vector>

#include "review/names.hpp"
#include "review/tree.hpp"

namespace brig::review {

inline constexpr std::size_t kMaxChanges = 100'000;
// Directories within directories; what lies deeper is listed as trouble, not followed.
inline constexpr int kMaxDepth = 128;

// One of the two versions; mode 0: there is none.
struct Side {
  mode_t mode = 0;  // kind and bits
  std::uint64_t size = 0;

  bool exists() const { return mode != 0; }
  bool is_file() const { return S_ISREG(mode); }
  bool is_directory() const { return S_ISDIR(mode); }
  bool is_link() const { return S_ISLNK(mode); }
  // A pipe, a socket or a device.
  bool is_special() const { return exists() && !is_file() && !is_directory() && !is_link(); }
};
std::string_view kind_of(mode_t mode);  // "file", "directory", "symlink", "fifo", …

enum class ChangeKind { added, modified, deleted, renamed };
std::string_view to_string(ChangeKind kind);

struct Change {
  std::string path;  // bytes
  ChangeKind kind = ChangeKind::modified;
  std::string from;  // renamed: what it was called
  Side before;
  Side after;
  bool content_differs = false;  // else the mode alone
  std::string trouble;           // why it cannot be shown or applied; one clause
};

struct Changes {
  std::vector<Change> list;  // by path
  std::string digest;        // of what was seen: changes whenever the workspace or the project did
};

struct Trees {
  Tree workspace;
  Tree project;
};

Result<Changes> find_changes(const Trees& trees, const Selection& selection);

// Turns pairs of a deleted and an added file of the same content into one that was renamed.
Result<void> find_renames(const Trees& trees, std::vector<Change>& list);

// Whether two files, given as O_PATH descriptors, hold the same bytes.
Result<bool> same_content(int a, int b);

}  // namespace brig::review
