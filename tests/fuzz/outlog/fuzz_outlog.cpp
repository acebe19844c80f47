// A segment file with any content: opening recovers a prefix, appending goes on after it, reading reaches the
// end in order from anywhere.
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <vector>

#include "outlog/output_log.hpp"

namespace {

// In memory where possible: thousands of files a second.
std::filesystem::path make_directory() {
  for (const char* pattern : {"/dev/shm/brig-fuzz-outlog-XXXXXX", "/tmp/brig-fuzz-outlog-XXXXXX"}) {
    std::string path = pattern;
    if (::mkdtemp(path.data())) return path;
  }
  std::abort();
}

struct Directory {
  std::filesystem::path path = make_directory();
  ~Directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
};

void check(bool ok) {
  if (!ok) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace brig::outlog;
  static Directory directory;
  auto segment = directory.path / "00000000000000000000.log";
  int fd = ::open(segment.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
  check(fd >= 0 && ::write(fd, data, size) == static_cast<ssize_t>(size));
  ::close(fd);

  auto log = OutputLog::open(directory.path);
  check(log.ok());
  auto end = (*log)->end();
  check(end <= size && (*log)->disk_bytes() <= size);
  check((*log)->append(Stream::err, {}, std::as_bytes(std::span("on", 2))).ok());
  check((*log)->end() == end + 2);

  std::vector<std::byte> buffer(kMinBuffer + size % 1024);
  for (std::uint64_t from : {std::uint64_t{0}, end / 2, end}) {
    auto reader = (*log)->read(from);
    auto at = from;
    while (true) {
      auto batch = reader.next(buffer);
      // What was recovered is whole: no gaps.
      check(batch.ok() && !batch->gap);
      if (batch->at_end()) break;
      for (auto& piece : batch->pieces) {
        check(piece.offset == at && !piece.bytes.empty());
        at += piece.bytes.size();
      }
      check(reader.position() == at);
    }
    check(at == end + 2);
  }
  return 0;
}
