#include "store/ledger_lock.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <thread>

#include "core/text.hpp"

namespace brig::store {
namespace {

// A child that a killed brigd was just making has a share in its lock, and ends within moments.
constexpr std::chrono::seconds kPatienceWithHeirs(10);

// Whether the process that the lock file names has ended, buried or not.
bool has_ended(std::string_view pid_text) {
  pid_t pid = 0;
  std::from_chars(pid_text.data(), pid_text.data() + pid_text.size(), pid);
  if (pid <= 0) return false;
  UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process) return errno == ESRCH;
  pollfd ended{process.get(), POLLIN, 0};
  return ::poll(&ended, 1, 0) == 1;
}

}  // namespace

Result<UniqueFd> lock_ledger(const std::filesystem::path& file) {
  auto path = file;
  path += ".lock";
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return errno_error(errno, "Cannot open " + brig::quoted(path.native(), 200), "store: lock");
  const auto until = std::chrono::steady_clock::now() + kPatienceWithHeirs;
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK)
      return errno_error(errno, "Cannot lock " + brig::quoted(path.native(), 200), "store: lock");
    char text[16] = {};
    auto n = ::pread(fd.get(), text, sizeof text - 1, 0);
    std::string_view pid(text, n > 0 ? static_cast<std::size_t>(n) : 0);
    if (has_ended(pid) && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      continue;
    }
    std::string who = pid.empty() ? "another process" : "process " + printable(pid);
    return Error{Code::conflict,
                 "The state directory " + brig::quoted(file.parent_path().native(), 200) +
                     " is in use by another brigd (" + who +
                     "): stop that one, or give this one a state directory of its own",
                 "store: lock", false};
  }
  // Only for the sentence above; the lock itself is the kernel's and goes with the process.
  auto pid = std::to_string(::getpid());
  if (::ftruncate(fd.get(), 0) != 0 || ::pwrite(fd.get(), pid.data(), pid.size(), 0) < 0) {
    return errno_error(errno, "Cannot write " + brig::quoted(path.native(), 200), "store: lock");
  }
  return fd;
}

}  // namespace brig::store
