// A backup from anyone, read and put into a directory: nothing appears outside of it, what is read without
// being put anywhere is the same, and with any bit flipped it is refused. With the highest bit of the first
// byte the rest is what a backup holds, packed as it should be, so that the fuzzer gets past the checksums.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "backup/backup.hpp"
#include "core/unique_fd.hpp"
#include "volume/framed.hpp"

namespace {

namespace fs = std::filesystem;
using namespace brig;

// top/out is the place; top/keep must stay as it is, and alone.
struct Place {
  Place() {
    char name[] = "/tmp/brig-fuzz-backup-XXXXXX";
    top = ::mkdtemp(name);
    fs::create_directory(top / "out");
    fs::create_directory(top / "keep");
    out.reset(::open((top / "out").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  ~Place() {
    for (auto it = fs::recursive_directory_iterator(top, fs::directory_options::skip_permission_denied);
         it != fs::recursive_directory_iterator(); ++it)
      if (it->is_directory() && !it->is_symlink()) fs::permissions(it->path(), fs::perms::owner_all);
    std::error_code ec;
    fs::remove_all(top, ec);
  }
  bool is_alone() const {
    return std::distance(fs::directory_iterator(top), fs::directory_iterator()) == 2 &&
           fs::is_empty(top / "keep");
  }
  fs::path top;
  UniqueFd out;
};

struct File {
  explicit File(std::string_view bytes) : fd(::memfd_create("backup", MFD_CLOEXEC)) {
    if (::write(fd.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) std::abort();
  }
  fs::path path() const { return "/proc/self/fd/" + std::to_string(fd.get()); }
  UniqueFd fd;
};

std::string packed(std::string_view what) {
  std::string out;
  volume::FrameWriter writer([&](std::string_view bytes) {
    out += bytes;
    return true;
  });
  if (!writer.write(what.data(), what.size()) || !writer.finish()) std::abort();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if ((data[0] & 0x80) != 0) bytes = packed(bytes);
  auto read = backup::read_backup(File(bytes).path(), -1);
  Place place;
  auto put = backup::read_backup(File(bytes).path(), place.out.get());
  if (!place.is_alone()) std::abort();
  if (put && (!read || backup::text_of(*put) != backup::text_of(*read))) std::abort();
  if (!read) return 0;
  auto again = backup::parse_manifest(backup::text_of(*read));
  if (!again || again->schema != read->schema || again->key != read->key) std::abort();
  auto bit = (data[0] & 0x7f) * (bytes.size() * 8 / 128);
  bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
  if (backup::read_backup(File(bytes).path(), -1)) std::abort();
  return 0;
}
