#include "tar/extract.hpp"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>  // renameat() alone
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

namespace brig::tar {
namespace {

constexpr int kOpenDirectory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
constexpr std::uint32_t kModes = 0777;

void set_time(int fd, std::int64_t seconds, std::uint32_t nanoseconds) {
  timespec times[2] = {};
  times[0].tv_nsec = UTIME_OMIT;
  times[1].tv_sec = seconds;
  times[1].tv_nsec = static_cast<long>(nanoseconds);
  if (::futimens(fd, times) != 0) return;  // a file system without times is still a place for files
}

// ".brig-" and 16 digits, which nobody who wrote the archive can know.
void make_part_name(char* out) {
  unsigned char random[8] = {};
  std::size_t got = 0;
  while (got < sizeof random) {
    ssize_t n = ::getrandom(random + got, sizeof random - got, 0);
    if (n > 0) got += static_cast<std::size_t>(n);
  }
  strcpy(out, ".brig-");
  char* at = out + 6;
  for (unsigned char byte : random) {
    *at++ = "0123456789abcdef"[byte >> 4];
    *at++ = "0123456789abcdef"[byte & 15];
  }
  *at = 0;
}

}  // namespace

bool Extractor::fail(const char* doing, int error) {
  trouble_.set(doing, error, name_);
  return false;
}

bool Extractor::refuse(const char* sentence) {
  return fail(sentence, 0);
}

// Where the entry goes, in name_: pieces joined by single slashes, under its new top.
bool Extractor::map_name(const char* name) {
  name_[0] = 0;
  std::size_t size = strnlen(name, kMaxName - 1);
  memcpy(name_, name, size);
  name_[size] = 0;
  if (!is_inner_path(name)) return refuse("its name leads out of the archive, or is too long");
  Piece piece;
  if (rule_.top && strcmp(rule_.top, ".") != 0) {
    bool found = next_piece(name, piece) && piece.size == strlen(rule_.top) &&
                 memcmp(piece.text, rule_.top, piece.size) == 0;
    if (!found) return refuse("it is not part of what was asked for");
  }
  std::size_t at = 0;
  auto add = [&](const char* text, std::size_t length) {
    if (length == 0) return true;
    if (at + 1 + length >= kMaxName) return false;
    if (at > 0) name_[at++] = '/';
    memmove(name_ + at, text, length);
    at += length;
    name_[at] = 0;
    return true;
  };
  name_[0] = 0;
  bool fits = !rule_.rename || add(rule_.rename, strlen(rule_.rename));
  while (fits && next_piece(name, piece)) fits = add(piece.text, piece.size);
  return fits || refuse("its name is too long");
}

bool Extractor::leave() {
  Level& level = levels_[--depth_];
  bool fine = true;
  if (level.described) {
    set_time(level.fd, level.mtime, level.nanoseconds);
    fine = ::fchmod(level.fd, level.mode & kModes) == 0;
    if (!fine) trouble_.set("set the mode of", errno, path_);
  }
  ::close(level.fd);
  level = Level{};
  path_[depth_ == 0 ? 0 : levels_[depth_ - 1].name_end] = 0;
  return fine;
}

// Into a directory of the one we are in, making it if it is not there.
bool Extractor::enter(const char* name, std::size_t size, bool* made) {
  if (depth_ == kMaxDepth) return refuse("its directories lie too deep in one another");
  std::size_t at = depth_ == 0 ? 0 : levels_[depth_ - 1].name_end;
  if (at + 1 + size >= kMaxName) return refuse("its name is too long");
  std::size_t begin = at;
  if (at > 0) path_[begin++] = '/';
  memcpy(path_ + begin, name, size);
  path_[begin + size] = 0;
  const char* piece = path_ + begin;
  int fd = ::openat(directory(), piece, kOpenDirectory);
  if (fd < 0 && errno == ENOENT) {
    if (::mkdirat(directory(), piece, 0755) != 0 && errno != EEXIST) {
      int error = errno;
      path_[at] = 0;
      return fail("make the directory", error);
    }
    if (made) *made = true;
    fd = ::openat(directory(), piece, kOpenDirectory);
  }
  if (fd < 0) {
    int error = errno;
    path_[at] = 0;
    return fail("enter the directory", error);
  }
  levels_[depth_] = Level{};
  levels_[depth_].fd = fd;
  levels_[depth_].name_end = begin + size;
  ++depth_;
  return true;
}

// Leaves and enters directories until we are in the one that holds name_. An empty leaf: the top itself.
bool Extractor::enter_parent(const char*& leaf) {
  const char* slash = strrchr(name_, '/');
  leaf = slash ? slash + 1 : name_;
  std::size_t length = slash ? static_cast<std::size_t>(slash - name_) : 0;
  std::size_t common = 0;
  while (common < depth_) {
    std::size_t end = levels_[common].name_end;
    bool same = end <= length && memcmp(path_, name_, end) == 0 && (end == length || name_[end] == '/');
    if (!same) break;
    ++common;
  }
  while (depth_ > common) {
    if (!leave()) return false;
  }
  std::size_t done = depth_ == 0 ? 0 : levels_[depth_ - 1].name_end;
  const char* at = name_ + done;
  Piece piece;
  while (at < name_ + length && next_piece(at, piece)) {
    if (!enter(piece.text, piece.size)) return false;
  }
  return true;
}

bool Extractor::on_entry(const Entry& entry) {
  if (!map_name(entry.name)) return false;
  ++entries_;
  const char* leaf = nullptr;
  if (!enter_parent(leaf)) return false;
  if (*leaf == 0) return entry.kind == Kind::directory || refuse("it has no name");
  if (strlen(leaf) >= sizeof leaf_) return refuse("its name is too long");
  strcpy(leaf_, leaf);
  mode_ = entry.mode & kModes;
  mtime_ = entry.mtime;
  nanoseconds_ = entry.nanoseconds;
  switch (entry.kind) {
    case Kind::directory:
      return make_directory(entry, leaf_);
    case Kind::file:
      return make_file();
    case Kind::symlink:
      return make_symlink(entry, leaf_);
    case Kind::hard_link:
      return make_hard_link(entry, leaf_);
  }
  return false;
}

bool Extractor::make_directory(const Entry& entry, const char* leaf) {
  bool made = false;
  if (!enter(leaf, strlen(leaf), &made)) return false;
  Level& level = levels_[depth_ - 1];
  level.described = made;  // one that was there stays as its owner wanted it
  level.mode = entry.mode;
  level.mtime = entry.mtime;
  level.nanoseconds = entry.nanoseconds;
  return true;
}

bool Extractor::make_file() {
  make_part_name(part_);
  file_ = ::openat(directory(), part_, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file_ < 0) {
    part_[0] = 0;
    return fail("make", errno);
  }
  return true;
}

bool Extractor::on_data(const char* bytes, std::size_t size) {
  while (size > 0) {
    ssize_t n = ::write(file_, bytes, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      int error = n < 0 ? errno : EIO;
      abandon();
      return fail("write", error);
    }
    bytes += n;
    size -= static_cast<std::size_t>(n);
    bytes_ += static_cast<std::uint64_t>(n);
  }
  return true;
}

bool Extractor::on_entry_end() {
  if (file_ < 0) return true;
  set_time(file_, mtime_, nanoseconds_);
  bool fine = ::fchmod(file_, mode_) == 0 && ::renameat(directory(), part_, directory(), leaf_) == 0;
  int error = errno;
  if (!fine) {
    abandon();
    return fail("write", error);
  }
  ::close(file_);
  file_ = -1;
  part_[0] = 0;
  return true;
}

bool Extractor::make_symlink(const Entry& entry, const char* leaf) {
  // The top is a directory on the way, but one that a link may not leave.
  bool has_top = rule_.rename && *rule_.rename;
  bool is_top = has_top && depth_ == 0;
  if (!rule_.leaving_links && (is_top || !is_inner_target(entry.target, depth_ - (has_top ? 1 : 0)))) {
    listener_.left_out(name_, entry.target);
    return true;
  }
  if (::symlinkat(entry.target, directory(), leaf) == 0) return true;
  if (errno == EEXIST && ::unlinkat(directory(), leaf, 0) == 0 &&
      ::symlinkat(entry.target, directory(), leaf) == 0)
    return true;
  return fail("make the symbolic link", errno);
}

bool Extractor::make_hard_link(const Entry& entry, const char* leaf) {
  if (!rule_.hard_links) return refuse("it is a hard link, which is not taken from a sandbox");
  if (!is_inner_path(entry.target)) return refuse("it is a hard link that leads out of the archive");
  const char* target = entry.target;
  Piece piece;
  if (rule_.top && strcmp(rule_.top, ".") != 0) {
    bool found = next_piece(target, piece) && piece.size == strlen(rule_.top) &&
                 memcmp(piece.text, rule_.top, piece.size) == 0;
    if (!found) return refuse("it is a hard link that leads out of the archive");
  }
  int at = ::fcntl(root_, F_DUPFD_CLOEXEC, 3);
  char held[256] = {};
  bool any = false;
  auto step = [&](const char* text, std::size_t size) {
    if (any) {
      int next = ::openat(at, held, kOpenDirectory);
      int error = errno;
      ::close(at);
      errno = error;
      at = next;
    }
    memcpy(held, text, size);
    held[size] = 0;
    any = true;
    return at >= 0;
  };
  bool fine = at >= 0 && (!rule_.rename || !*rule_.rename || step(rule_.rename, strlen(rule_.rename)));
  while (fine && next_piece(target, piece)) fine = step(piece.text, piece.size);
  if (fine && any) {
    fine = ::linkat(at, held, directory(), leaf, 0) == 0;
    if (!fine && errno == EEXIST)
      fine = ::unlinkat(directory(), leaf, 0) == 0 && ::linkat(at, held, directory(), leaf, 0) == 0;
  }
  int error = errno;
  if (at >= 0) ::close(at);
  return (fine && any) || fail("make the hard link", any ? error : EINVAL);
}

bool Extractor::finish() {
  while (depth_ > 0) {
    if (!leave()) return false;
  }
  return true;
}

void Extractor::abandon() {
  if (file_ >= 0) {
    ::close(file_);
    file_ = -1;
  }
  if (part_[0]) ::unlinkat(directory(), part_, 0);
  part_[0] = 0;
  while (depth_ > 0) {
    ::close(levels_[--depth_].fd);
    levels_[depth_] = Level{};
  }
}

}  // namespace brig::tar
