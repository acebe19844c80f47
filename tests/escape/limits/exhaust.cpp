// Taking all there is. The sandbox may suffer; it must come to an end well before the machine does. These are
// made in a sandbox with small limits, and what becomes of others is looked at from outside.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "agent/tools.hpp"

namespace brig::escape {
namespace {

constexpr const char* kSmall = "glutton";

// The instrument: outside of the sandbox, or without the limit, so much can be had.
Outcome reached(std::size_t got, std::size_t far_too_much) {
  if (got >= far_too_much) return escaped("it got " + std::to_string(got));
  return refused("it got " + std::to_string(got) + ", then: " + std::strerror(errno));
}

Outcome fills(const std::string& path, std::size_t far_too_much) {
  int fd = ::open(path.c_str(), O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return broken(std::strerror(errno));
  static char block[1 << 16];
  std::memset(block, 'x', sizeof block);
  std::size_t got = 0;
  for (ssize_t n; got < far_too_much && (n = ::write(fd, block, sizeof block)) > 0;)
    got += static_cast<std::size_t>(n);
  int error = errno;
  ::unlink(path.c_str());
  ::close(fd);
  errno = error;
  return reached(got, far_too_much);
}

std::string workspace() {
  auto project = told("ESCAPE_PROJECT");
  return project.empty() ? "/workspace" : project;
}

}  // namespace

ATTEMPT(limits, processes, "a sandbox has so many processes and no more", {}, kSmall) {
  std::size_t got = 0;
  while (got < 300) {
    pid_t child = ::fork();
    if (child < 0) break;
    if (child == 0) {
      ::pause();
      ::_exit(0);
    }
    ++got;
  }
  auto out = reached(got, 300);
  ::signal(SIGTERM, SIG_IGN);
  ::kill(0, SIGTERM);
  return out;
}
ATTEMPT(limits, descriptors, "a process has so many descriptors and no more", {}, kSmall) {
  std::size_t got = 0;
  while (got < 600 && ::open("/dev/null", O_RDONLY) >= 0) ++got;
  return reached(got, 600);
}
ATTEMPT(limits, sockets, "sockets are descriptors", {}, kSmall) {
  std::size_t got = 0;
  while (got < 600 && ::socket(AF_INET, SOCK_STREAM, 0) >= 0) ++got;
  return reached(got, 600);
}
ATTEMPT(limits, memory, "what is over the limit is killed", {}, kSmall) {
  constexpr std::size_t kMuch = std::size_t{300} << 20;
  auto* memory =
      static_cast<char*>(::mmap(nullptr, kMuch, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  if (memory == MAP_FAILED) return refused(std::strerror(errno));
  for (std::size_t at = 0; at < kMuch; at += 4096) memory[at] = 1;
  return reached(kMuch, kMuch);
}
ATTEMPT(limits, temporary_files, "/tmp has a size", {}, kSmall) {
  return fills(own_name("big"), 64 << 20);
}
ATTEMPT(limits, disk, "the workspace has a size", {}, kSmall) {
  return fills(workspace() + "/big", 64 << 20);
}
ATTEMPT(limits, file_that_is_mostly_hole, "a hole takes nothing, and filling it does", {}, kSmall) {
  auto path = workspace() + "/hole";
  int fd = ::open(path.c_str(), O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return broken(std::strerror(errno));
  int rc = ::posix_fallocate(fd, 0, 64 << 20);
  ::unlink(path.c_str());
  ::close(fd);
  errno = rc;
  return reached(rc == 0 ? 1 : 0, 1);
}
ATTEMPT(limits, files, "the workspace holds so many files", {}, kSmall) {
  auto dir = workspace() + "/many";
  if (::mkdir(dir.c_str(), 0700) != 0) return broken(std::strerror(errno));
  std::size_t got = 0;
  for (; got < 9'000; ++got) {
    int fd = ::open((dir + "/" + std::to_string(got)).c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0) break;
    ::close(fd);
  }
  if (got == 9'000) return reached(got, got);
  int error = errno;
  for (std::size_t i = 0; i < got; ++i) ::unlink((dir + "/" + std::to_string(i)).c_str());
  ::rmdir(dir.c_str());
  errno = error;
  return reached(got, 9'000);
}
ATTEMPT(limits, locked_memory, "memory that cannot be reclaimed counts like all other", {}, kSmall) {
  constexpr std::size_t kMuch = std::size_t{300} << 20;
  void* memory = ::mmap(nullptr, kMuch, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED || ::mlock(memory, kMuch) != 0) return refused(std::strerror(errno));
  return reached(kMuch, kMuch);
}
ATTEMPT(limits, memory_by_shared_segments, "shared memory counts like all other", {}, kSmall) {
  constexpr std::size_t kMuch = std::size_t{300} << 20;
  int fd = ::memfd_create("much", MFD_CLOEXEC);
  if (fd < 0 || ::ftruncate(fd, kMuch) != 0) return refused(std::strerror(errno));
  auto* memory = static_cast<char*>(::mmap(nullptr, kMuch, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  if (memory == MAP_FAILED) return refused(std::strerror(errno));
  for (std::size_t at = 0; at < kMuch; at += 4096) memory[at] = 1;
  return reached(kMuch, kMuch);
}

}  // namespace brig::escape
