#include "core/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "core/random.hpp"
#include "core/text.hpp"
#include "core/unique_fd.hpp"

namespace brig {

Result<std::string> read_file(const std::filesystem::path& path, std::size_t max) {
  // O_NONBLOCK: a FIFO in the place of a file must not hold us.
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd) return errno_error(errno, "cannot read " + quoted(path.native(), 256), "files");
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0)
    return errno_error(errno, "cannot read " + quoted(path.native(), 256), "files");
  if (!S_ISREG(st.st_mode)) {
    return Error{Code::invalid, quoted(path.native(), 256) + " is not a regular file", "files", false};
  }
  std::string content;
  char buffer[16384];
  while (true) {
    ssize_t n = ::read(fd.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error(errno, "cannot read " + quoted(path.native(), 256), "files");
    if (n == 0) return content;
    if (content.size() + static_cast<std::size_t>(n) > max) {
      return Error{
          Code::too_large,
          quoted(path.native(), 256) + " is larger than the " + std::to_string(max) + " bytes it may have",
          "files", false};
    }
    content.append(buffer, static_cast<std::size_t>(n));
  }
}

Result<void> write_file(const std::filesystem::path& path, std::string_view content, mode_t mode, Sync sync) {
  auto temporary = path.parent_path() / ("." + path.filename().string() + "." + random_hex(4));
  auto fail = [&](int err) {
    ::unlink(temporary.c_str());
    return errno_error(err, "cannot write " + quoted(path.native(), 256), "files");
  };
  UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!fd) return errno_error(errno, "cannot write " + quoted(path.native(), 256), "files");
  std::string_view rest = content;
  while (!rest.empty()) {
    ssize_t n = ::write(fd.get(), rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(errno);
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  if (::fchmod(fd.get(), mode) != 0) return fail(errno);
  if (sync == Sync::yes && ::fsync(fd.get()) != 0) return fail(errno);
  if (::rename(temporary.c_str(), path.c_str()) != 0) return fail(errno);
  if (sync == Sync::no) return {};
  UniqueFd directory(::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory) ::fsync(directory.get());
  return {};
}

}  // namespace brig
