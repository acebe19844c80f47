// What stands in a tar archive, and how an entry's head is written.
//
// Written is the GNU form (long names in entries of their own, sizes beyond 8 GiB in binary), which GNU tar,
// busybox, bsdtar and Python read; names are bytes, whatever their encoding.
//
// No heap, no exceptions. Threads: plain values. Failure: false from a Sink that takes no more.
#pragma once

#include <cstddef>
#include <cstdint>

namespace brig::tar {

inline constexpr std::size_t kBlock = 512;
inline constexpr std::size_t kMaxName = 4096;  // with its NUL, as the kernel's PATH_MAX
inline constexpr std::size_t kMaxDepth = 256;  // of directories in one another

enum class Kind : std::uint8_t { file, directory, symlink, hard_link };

struct Entry {
  Kind kind = Kind::file;
  std::uint32_t mode = 0;  // permissions alone
  std::uint64_t size = 0;  // of a file
  std::int64_t mtime = 0;
  std::uint32_t nanoseconds = 0;
  const char* name = "";
  const char* target = "";  // of a link
};

// Where an archive's bytes go.
class Sink {
 public:
  virtual bool write(const char* bytes, std::size_t size) = 0;
  // The same for `size` bytes out of a file, read from where it stands; for sinks that can do it without
  // copying. Gives the bytes passed on: 0 at the end of the file, less than 0 if this way is not open.
  virtual long long write_from(int /*file*/, std::uint64_t /*size*/) { return -1; }
  // What was left out and why, as one line; by default for whoever reads the archive.
  virtual bool note(const char* text);

 protected:
  ~Sink() = default;
};

// What went wrong. `doing` is a constant of ours, `path` what it was done to, `error` an errno; 0: the
// archive itself is at fault, and `doing` is a sentence about it.
struct Trouble {
  const char* doing = nullptr;
  int error = 0;
  char path[kMaxName] = {};

  bool is_set() const { return doing != nullptr; }
  // The first trouble stays.
  void set(const char* what, int number, const char* where);
};

// An archive's note to whoever reads it: what was left out and why. Kept in a global comment, which other
// readers pass over.
inline constexpr const char* kNotePrefix = "brig: ";

bool write_entry(Sink& sink, const Entry& entry);
bool write_padding(Sink& sink, std::uint64_t size);  // after a file's content
bool write_note(Sink& sink, const char* text);       // one line
bool write_end(Sink& sink);

inline bool Sink::note(const char* text) {
  return write_note(*this, text);
}

}  // namespace brig::tar
