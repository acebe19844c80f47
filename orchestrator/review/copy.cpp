#include "review/copy.hpp"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <vector>

namespace brig::review {
namespace {

Error failed(int err) {
  return errno_error(err, "", "review: copy");
}

Result<void> copy_by_hand(int from, int to) {
  std::vector<char> chunk(256 * 1024);
  while (true) {
    auto n = ::read(from, chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed(errno);
    if (n == 0) return {};
    for (ssize_t done = 0; done < n;) {
      auto m = ::write(to, chunk.data() + done, static_cast<std::size_t>(n - done));
      if (m < 0 && errno == EINTR) continue;
      if (m < 0) return failed(errno);
      done += m;
    }
  }
}

}  // namespace

Result<void> copy_content(int from, int to) {
  if (::ioctl(to, FICLONE, from) == 0) return {};
  while (true) {
    auto n = ::copy_file_range(from, nullptr, to, nullptr, std::size_t{1} << 30, 0);
    if (n == 0) break;
    if (n > 0 || errno == EINTR) continue;
    if (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP || errno == ENOSYS) break;
    return failed(errno);
  }
  // Either all is there already, or the kernel would not: then from where it stopped.
  return copy_by_hand(from, to);
}

}  // namespace brig::review
