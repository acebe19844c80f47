#include "workspace/make_filesystem.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>

#include "core/text.hpp"
#include "core/unique_fd.hpp"

namespace brig::workspace {

namespace {

constexpr std::array<const char*, 3> kPrograms = {"/usr/sbin/mkfs.ext4", "/sbin/mkfs.ext4",
                                                  "/usr/bin/mkfs.ext4"};

std::string read_all(int fd) {
  std::string text;
  std::array<char, 4096> chunk;
  while (true) {
    auto n = ::read(fd, chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return text;
    if (text.size() < 65536) text.append(chunk.data(), static_cast<std::size_t>(n));
  }
}

}  // namespace

Result<void> make_filesystem(const std::filesystem::path& image) {
  const char* program = nullptr;
  for (auto* candidate : kPrograms) {
    if (!program && ::access(candidate, X_OK) == 0) program = candidate;
  }
  if (!program) {
    return Error{Code::unsupported,
                 "mkfs.ext4 is not installed, which disk limits need: install e2fsprogs, or take the disk "
                 "limit out of "
                 "the policy",
                 "workspace: disk", false};
  }
  std::string target = image.native();
  // Nothing is written ahead of need (lazy_*, nodiscard), so that the image stays sparse; nothing is reserved
  // for root, since root is not the one who fills it; the default sizes of small images must not change with
  // the size.
  std::array<const char*, 15> argv = {program,
                                      "-q",
                                      "-F",
                                      "-b",
                                      "4096",
                                      "-I",
                                      "256",
                                      "-m",
                                      "0",
                                      "-E",
                                      "lazy_itable_init=1,lazy_journal_init=1,nodiscard",
                                      "-e",
                                      "remount-ro",
                                      target.c_str(),
                                      nullptr};
  std::array<const char*, 3> environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", nullptr};
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno_error(errno, "Cannot make a pipe", "workspace: disk");
  UniqueFd said(ends[0]), say(ends[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, say.get(), 1);
  posix_spawn_file_actions_adddup2(&actions, say.get(), 2);
  pid_t child = 0;
  int err = ::posix_spawn(&child, program, &actions, nullptr, const_cast<char**>(argv.data()),
                          const_cast<char**>(environment.data()));
  posix_spawn_file_actions_destroy(&actions);
  if (err != 0) return errno_error(err, "Cannot run mkfs.ext4", "workspace: disk");
  say.reset();
  auto text = read_all(said.get());
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return Error{Code::internal, "mkfs.ext4 could not format a disk template: " + printable(text),
               "workspace: disk", false};
}

}  // namespace brig::workspace
