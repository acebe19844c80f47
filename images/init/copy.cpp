#include "init/copy.hpp"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

#include "init/proc_files.hpp"
#include "tar/extract.hpp"
#include "tar/pack.hpp"
#include "tar/place.hpp"

namespace brig::init {
namespace {

constexpr int kPipeSize = 1024 * 1024;

// Small pieces are gathered; large files go from the page cache into the pipe.
class Output final : public tar::Sink {
 public:
  bool write(const char* bytes, std::size_t size) override {
    while (size > 0) {
      std::size_t n = size < sizeof buffer_ - filled_ ? size : sizeof buffer_ - filled_;
      memcpy(buffer_ + filled_, bytes, n);
      filled_ += n;
      bytes += n;
      size -= n;
      if (filled_ == sizeof buffer_ && !flush()) return false;
    }
    return true;
  }

  long long write_from(int file, std::uint64_t size) override {
    if (size < sizeof buffer_ || !flush()) return -1;
    std::size_t most = size < kPipeSize ? static_cast<std::size_t>(size) : kPipeSize;
    ssize_t n = 0;
    do n = ::sendfile(1, file, nullptr, most);
    while (n < 0 && errno == EINTR);
    return n;
  }

  bool flush() {
    for (std::size_t at = 0; at < filled_;) {
      ssize_t n = ::write(1, buffer_ + at, filled_ - at);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      at += static_cast<std::size_t>(n);
    }
    filled_ = 0;
    return true;
  }

 private:
  std::size_t filled_ = 0;
  char buffer_[64 * 1024];
};

int complain(const char* doing, int error, const char* path) {
  char number[24];
  *system::put_number(number, static_cast<unsigned>(error)) = 0;
  const char* parts[] = {"brig-copy\t", number, "\t", doing, "\t", path, "\n"};
  iovec pieces[7];
  for (int i = 0; i < 7; ++i) pieces[i] = {const_cast<char*>(parts[i]), strlen(parts[i])};
  return ::writev(2, pieces, 7) < 0 ? 2 : 1;
}

int complain(const tar::Trouble& trouble) {
  return complain(trouble.doing, trouble.error, trouble.path);
}

int pack(const char* path) {
  Output output;
  tar::Packer packer(output);
  char name[tar::kMaxName];
  if (!tar::base_name(path, name)) return complain("read", ENAMETOOLONG, path);
  ::fcntl(1, F_SETPIPE_SZ, kPipeSize);
  if (packer.pack(AT_FDCWD, path, name) && output.flush()) return 0;
  if (!packer.trouble().is_set()) return 1;  // nobody reads
  // What is in order so far may pass; without its end the archive is seen to be incomplete.
  if (!output.flush()) return 1;
  return complain(packer.trouble());
}

class Ignored final : public tar::Extractor::Listener {
 public:
  void left_out(const char*, const char*) override {}
  void note(const char*, std::size_t) override {}
};

int extract(int directory, tar::ExtractRule rule) {
  rule.hard_links = rule.leaving_links = true;
  Ignored ignored;
  tar::Extractor extractor(directory, rule, ignored);
  tar::Reader reader(extractor);
  char buffer[64 * 1024];
  ::fcntl(0, F_SETPIPE_SZ, kPipeSize);
  while (true) {
    ssize_t n = ::read(0, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return complain("read the archive for", errno, "");
    bool fine =
        n > 0 ? reader.feed(buffer, static_cast<std::size_t>(n)) : reader.finish() && extractor.finish();
    if (!fine) {
      extractor.abandon();
      return complain(extractor.trouble().is_set() ? extractor.trouble() : reader.trouble());
    }
    if (n == 0) return 0;
  }
}

int place(const char* path, const char* top, bool never_into) {
  tar::Place place;
  int error = 0;
  if (!place.open(path, top, never_into, error)) return complain("write", error, path);
  tar::ExtractRule rule;
  rule.top = top;
  rule.rename = place.rename();
  return extract(place.directory(), rule);
}

int unpack(const char* path) {
  int fd = ::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return complain("enter the directory", errno, path);
  return extract(fd, {});
}

}  // namespace

int copy(int argc, char** argv) {
  if (argc < 3) return -1;
  const char* what = argv[1];
  if (argc == 3 && strcmp(what, "pack") == 0) return pack(argv[2]);
  if (argc == 3 && strcmp(what, "unpack") == 0) return unpack(argv[2]);
  if (argc == 4 && strcmp(what, "place") == 0) return place(argv[2], argv[3], false);
  if (argc == 3 && strcmp(what, "put") == 0) return place(argv[2], "file", true);
  return -1;
}

}  // namespace brig::init
