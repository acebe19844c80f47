// Whether the host's file is still the one that the session began with, so that nothing is overwritten that
// somebody did since.
//
// The overlay keeps no originals, so it is the host's file itself that has to tell: every change of a file,
// and of its name, moves its ctime, which nobody can set. A file whose ctime lies before the beginning has
// not been touched since. What Brig itself applied is known by inode and ctime and is no change of the
// host's. A file that the session changed and the host deleted is told by the handle of the original that
// overlayfs keeps with the copy. docs/adr says what is left.
//
// Threads: those of with_rights(). Failure: as Result.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "core/result.hpp"
#include "review/source.hpp"

namespace brig::review {

// What tells a file from a later state of it, or from another under its name.
struct Identity {
  mode_t mode = 0;  // 0: there is nothing
  std::uint64_t inode = 0;
  std::int64_t size = 0;
  std::int64_t ctime = 0, mtime = 0;  // nanoseconds

  static Identity of(const struct stat& st);
  bool exists() const { return mode != 0; }
  bool operator==(const Identity&) const = default;
  // Renaming moves the ctime: the same but for that.
  bool is_renamed(const Identity& other) const;
};

// A file as its file system knows it, whatever it is called and whether it is still there; "" where there is
// no such thing.
std::string handle_of(int fd);

// What earlier applies left on the host, by path, and which files they took away.
class Known {
 public:
  static Result<Known> load(const std::filesystem::path& file);  // none yet: empty
  Result<void> save(const std::filesystem::path& file) const;
  void set(const std::string& path, const Identity& identity);
  bool is(const std::string& path, const struct stat& st) const;
  bool is_gone(const std::string& path) const;  // an undo took it away
  void took(const std::string& handle);
  bool has_taken(const std::string& handle) const { return taken_.contains(handle); }

 private:
  std::map<std::string, Identity> entries_;
  std::set<std::string> taken_;
};

// Why this change may not be written over what the host has now, in one clause; "" if it may.
Result<std::string> conflict_of(const Source& source, const Known& known, const Change& change);

}  // namespace brig::review
