#include "cli/commands/sending.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vector>

#include "core/text.hpp"

namespace brig::cli {

Result<UniqueFd> open_to_send(const std::string& file, Meter& meter) {
  UniqueFd in(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!in) return errno_error(errno, "cannot read " + quoted(file, 512), "cli");
  struct stat st {};
  if (::fstat(in.get(), &st) == 0 && S_ISREG(st.st_mode))
    meter.expect(static_cast<std::uint64_t>(st.st_size));
  return in;
}

Result<std::string> send(int from, const std::string& what, Client::Upload& upload, Meter& meter) {
  std::vector<char> buffer(256 * 1024);
  while (true) {
    ssize_t n = ::read(from, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error(errno, "cannot read " + what, "cli");
    meter.add(static_cast<std::size_t>(n));
    if (n == 0 || !upload.write({buffer.data(), static_cast<std::size_t>(n)})) break;
  }
  meter.finish();
  return upload.finish();
}

}  // namespace brig::cli
