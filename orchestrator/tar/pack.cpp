#include "tar/pack.hpp"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace brig::tar {
namespace {

// As the kernel gives directories.
struct Record {
  std::uint64_t inode;
  std::int64_t offset;
  std::uint16_t size;
  unsigned char type;
  char name[1];
};

// The few words a note needs; strerror() would cost more than all of this.
const char* words_of(int error) {
  switch (error) {
    case EACCES:
    case EPERM:
      return "permission denied";
    case ENOENT:
      return "it is gone";
    case EMFILE:
    case ENFILE:
      return "too many open files";
    case ENAMETOOLONG:
      return "its name is too long";
    case ELOOP:
      return "it lies too deep";
    case EIO:
      return "input/output error";
    default:
      return "it cannot be read";
  }
}

bool is_dots(const char* name) {
  return name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0));
}

}  // namespace

bool Packer::fail(const char* doing, int error, const char* path) {
  trouble_.set(doing, error, path);
  return false;
}

// "left out 'x': permission denied"
bool Packer::note(const char* what, int error) {
  char text[kMaxName + 128];
  std::size_t at = 0;
  const char* parts[] = {what, " '", name_, "'", error ? ": " : "", error ? words_of(error) : ""};
  for (const char* part : parts) {
    std::size_t size = strlen(part);
    if (at + size >= sizeof text) break;
    memcpy(text + at, part, size);
    at += size;
  }
  text[at] = 0;
  return sink_.note(text);
}

bool Packer::pack(int directory, const char* path, const char* name) {
  std::size_t size = strlen(name);
  if (size >= sizeof name_) return fail("read", ENAMETOOLONG, path);
  memcpy(name_, name, size + 1);
  return pack_one(directory, path, size, true, 0) && write_end(sink_);
}

bool Packer::pack_one(int directory, const char* path, std::size_t name_size, bool follow,
                      std::size_t depth) {
  struct stat stat {};
  if (::fstatat(directory, path, &stat, follow ? 0 : AT_SYMLINK_NOFOLLOW) != 0)
    return depth == 0 ? fail("read", errno, path) : note("left out", errno);
  Entry entry;
  entry.name = name_;
  entry.mode = stat.st_mode & 0777;
  entry.mtime = stat.st_mtim.tv_sec;
  if (S_ISLNK(stat.st_mode)) {
    ssize_t n = ::readlinkat(directory, path, target_, sizeof target_ - 1);
    if (n <= 0) return note("left out", n < 0 ? errno : ENOENT);
    target_[n] = 0;
    entry.kind = Kind::symlink;
    entry.target = target_;
    return write_entry(sink_, entry);
  }
  bool is_directory = S_ISDIR(stat.st_mode);
  if (!is_directory && !S_ISREG(stat.st_mode)) {
    if (depth == 0) return fail("copy what is neither file nor directory:", EINVAL, path);
    return note("left out, as it is no file:", 0);
  }
  // O_NONBLOCK: it may have become a pipe since.
  int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW);
  int fd = ::openat(directory, path, flags | (is_directory ? O_DIRECTORY : 0));
  if (fd < 0) return depth == 0 ? fail("read", errno, path) : note("left out", errno);
  bool fine = false;
  if (::fstat(fd, &stat) != 0 || S_ISDIR(stat.st_mode) != is_directory ||
      (!is_directory && !S_ISREG(stat.st_mode))) {
    fine = note("left out, as it changed meanwhile:", 0);
  } else if (is_directory) {
    entry.kind = Kind::directory;
    fine = write_entry(sink_, entry) && pack_directory(fd, name_size, depth);
  } else {
    entry.size = static_cast<std::uint64_t>(stat.st_size);
    fine = write_entry(sink_, entry) && pack_file(fd, entry.size);
  }
  ::close(fd);
  return fine;
}

bool Packer::pack_file(int fd, std::uint64_t size) {
  std::uint64_t left = size;
  bool direct = true;
  while (left > 0) {
    if (direct) {
      long long n = sink_.write_from(fd, left);
      if (n > 0) {
        left -= static_cast<std::uint64_t>(n);
        continue;
      }
      direct = false;  // its end, or not that way: reading tells
    }
    std::size_t want = left < sizeof buffer_ ? static_cast<std::size_t>(left) : sizeof buffer_;
    ssize_t n = ::read(fd, buffer_, want);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      int error = errno;
      return note("it breaks off at", error) && fail("read", error, name_);
    }
    if (n == 0) break;
    if (!sink_.write(buffer_, static_cast<std::size_t>(n))) return false;
    left -= static_cast<std::uint64_t>(n);
  }
  bool shrank = left > 0;
  if (shrank) memset(buffer_, 0, sizeof buffer_);
  while (left > 0) {
    std::size_t n = left < sizeof buffer_ ? static_cast<std::size_t>(left) : sizeof buffer_;
    if (!sink_.write(buffer_, n)) return false;
    left -= n;
  }
  if (!write_padding(sink_, size)) return false;
  return !shrank || note("shrank while it was read, and ends in zeros:", 0);
}

bool Packer::pack_directory(int fd, std::size_t name_size, std::size_t depth) {
  if (depth + 1 >= kMaxDepth) return note("left out what is in", ELOOP);
  alignas(8) char records[4096];
  while (true) {
    long n = ::syscall(SYS_getdents64, fd, records, sizeof records);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return note("left out some of what is in", errno);
    if (n == 0) return true;
    for (long at = 0; at < n;) {
      const auto* record = reinterpret_cast<const Record*>(records + at);
      at += record->size;
      if (is_dots(record->name)) continue;
      std::size_t size = strlen(record->name);
      bool fits = name_size + 1 + size < sizeof name_;
      if (fits) {
        name_[name_size] = '/';
        memcpy(name_ + name_size + 1, record->name, size + 1);
      }
      bool fine = fits ? pack_one(fd, record->name, name_size + 1 + size, false, depth + 1)
                       : note("left out what is in", ENAMETOOLONG);
      name_[name_size] = 0;
      if (!fine) return false;
    }
  }
}

}  // namespace brig::tar
