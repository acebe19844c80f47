#include "cli/top/errand.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "core/text.hpp"

namespace brig::cli {
namespace {

constexpr std::size_t kMaxSaid = 4096;

// `errors`: where its standard error goes, its other streams to nowhere; -1: all three are ours.
Result<pid_t> spawn(std::vector<std::string> words, int errors) {
  words.insert(words.begin(), "brig");
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawnattr_t how;
  posix_spawn_file_actions_t files;
  ::posix_spawnattr_init(&how);
  ::posix_spawn_file_actions_init(&files);
  // We have signals blocked to read them; it has not.
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  ::posix_spawnattr_setsigmask(&how, &none);
  ::posix_spawnattr_setsigdefault(&how, &all);
  ::posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  if (errors >= 0) {
    ::posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_adddup2(&files, errors, STDERR_FILENO);
  }
  pid_t child = -1;
  int failed = ::posix_spawn(&child, "/proc/self/exe", &files, &how, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&files);
  ::posix_spawnattr_destroy(&how);
  if (failed != 0) return errno_error(failed, "cannot start brig", "cli");
  return child;
}

}  // namespace

Result<int> run_brig(std::vector<std::string> words) {
  BRIG_TRY(auto child, spawn(std::move(words), -1));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return errno_error(errno, "cannot wait for brig", "cli");
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Result<Errand> Errand::start(std::string what, std::vector<std::string> words) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return errno_error(errno, "cannot make a pipe", "cli");
  Errand out;
  out.errors_.reset(ends[0]);
  UniqueFd theirs(ends[1]);
  BRIG_TRY(out.child_, spawn(std::move(words), theirs.get()));
  out.what_ = std::move(what);
  return out;
}

std::optional<Errand::Done> Errand::done() {
  int status = 0;
  auto ended = ::waitpid(child_, &status, WNOHANG);
  if (ended == 0) return std::nullopt;
  Done out;
  out.well = ended == child_ && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  std::string said(kMaxSaid, 0);
  auto n = ::read(errors_.get(), said.data(), said.size());
  said.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  while (!said.empty() && said.back() == '\n') said.pop_back();
  auto line = said.rfind('\n');
  out.said = printable(line == std::string::npos ? said : said.substr(line + 1), 512);
  child_ = -1;
  return out;
}

}  // namespace brig::cli
