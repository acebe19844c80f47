// What a config volume is on disk: STATE/volumes/NAME/data, owned by the sandbox's user.
//
// What is in it was written by sandboxes: nothing here follows a link of theirs, leaves the directory, or
// waits for a pipe. Threads: any; blocks, so run on a worker. Failure: as Result, naming the file.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "core/unique_fd.hpp"

namespace brig::volume {

inline constexpr unsigned kInside = 1000;  // uid and gid of the sandbox's user

// Makes DIR/data, a file system of `bytes` (volume/disk.hpp; 0: a directory without a bound), and in it the
// file `file` with `initial` in it unless "" or there. Their owner becomes the sandbox's user; at the `first`
// use, of everything in it: an operator may have put it there.
Result<void> make_volume(const std::filesystem::path& dir, std::uint64_t bytes, const std::string& file,
                         std::string_view initial, bool first);

// Below a directory somebody else writes: never through a link, never out of it. No errno is ELOOP or EXDEV
// that the caller would have to understand: each comes back as it is.
UniqueFd open_inside(int directory, const std::string& relative, int flags);

// A regular file in `directory` of at most `max` bytes. `not_found` if there is none, `invalid` if it is no
// regular file or is reached through a link.
Result<std::string> read_inside(int directory, const std::string& relative, std::size_t max);

// A place to mount on, in a directory that sandboxes write: what of `relative` is missing, or is empty and so
// may be one that was made for this before. With the last part a directory or a file.
struct Point {
  std::string path;
  bool file = false;
};
Result<std::vector<Point>> missing_points(int directory, const std::string& relative, bool file);
// `denied` if a link or something else stands where a directory has to be.
Result<void> make_points(int directory, const std::vector<Point>& points);
// Removes those that are still empty, the innermost first.
void remove_points(int directory, const std::vector<Point>& points);

}  // namespace brig::volume
