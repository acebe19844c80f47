#include "harness/keeper.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <thread>

#include "core/files.hpp"
#include "core/random.hpp"
#include "core/unique_fd.hpp"
#include "harness/first.hpp"
#include "harness/ping.hpp"
#include "harness/remains.hpp"

namespace brig::harness {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kPrefix = "brig-test-";
constexpr auto kStartLimit = std::chrono::seconds(90);
// Its mounts go down with it, and unmounting an overlay writes out everything that the machine has to write.
constexpr auto kEndLimit = std::chrono::minutes(5);

UniqueFd pidfd_of(pid_t pid) {
  return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

Result<pid_t> read_pid(const fs::path& file) {
  BRIG_TRY(std::string text, read_file(file, 64));
  const long pid = std::strtol(text.c_str(), nullptr, 10);
  if (pid <= 1) return Error{Code::corrupt, file.string() + " holds no pid", "harness", false};
  return static_cast<pid_t>(pid);
}

// Held by the keeper as long as it lives.
UniqueFd lock_of(const fs::path& dir) {
  UniqueFd fd(::open((dir / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (fd && ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) fd.reset();
  return fd;
}

Result<void> clean(const fs::path& dir) {
  BRIG_CHECK(remove_cgroups(cgroup_parent(dir)));
  return remove_tree(dir);
}

std::string tail(const fs::path& file) {
  const auto text = read_file(file, 4 << 20);
  if (!text) return {};
  const std::size_t keep_bytes = 2000;
  return text->size() > keep_bytes ? text->substr(text->size() - keep_bytes) : *text;
}

bool wait_for(int fd, int milliseconds) {
  pollfd p{fd, POLLIN, 0};
  return ::poll(&p, 1, milliseconds) > 0;
}

// The keeper's life, once it is a process of its own. Tells `report` "ready" or what went wrong.
int keeper_main(const fs::path& dir, const KeepOptions& options, UniqueFd lock, UniqueFd owner,
                UniqueFd report) {
  ::setsid();
  sigset_t set;
  ::sigfillset(&set);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGTERM);
  UniqueFd told(::signalfd(-1, &set, SFD_CLOEXEC));
  const int null = ::open("/dev/null", O_RDONLY);
  const int log = ::open((dir / "dockerd.log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  ::dup2(null, 0);
  ::dup2(log, 1);
  ::dup2(log, 2);
  ::close(null);
  ::close(log);
  // Nothing else of the owner's may stay open in here: whoever waits for the end of its output would wait for
  // us.
  for (int fd = 3; fd < 1024; ++fd) {
    if (fd != lock.get() && fd != owner.get() && fd != report.get() && fd != told.get()) ::close(fd);
  }

  const auto fail = [&](const std::string& what) {
    const std::string message = what + "\n" + tail(dir / "dockerd.log");
    [[maybe_unused]] auto n = ::write(report.get(), message.data(), message.size());
    (void)clean(dir);
    return 1;
  };
  int go[2];
  if (::pipe2(go, O_CLOEXEC) != 0 || ::unshare(CLONE_NEWPID) != 0) return fail("cannot make a pid namespace");
  const pid_t first = ::fork();
  if (first < 0) return fail("cannot fork");
  if (first == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::close(go[1]);
    char byte;
    if (::read(go[0], &byte, 1) != 1) ::_exit(1);  // the keeper died before the line above
    ::close(go[0]);
    lock.reset();
    owner.reset();
    report.reset();
    told.reset();
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::umask(022);
    ::_exit(::unshare(CLONE_NEWNS) == 0 ? run_first_process(dir, options.network) : 1);
  }
  UniqueFd first_fd = pidfd_of(first);
  (void)write_file(dir / "first.pid", std::to_string(first) + "\n", 0644);
  [[maybe_unused]] auto n = ::write(go[1], "g", 1);
  ::close(go[0]);
  ::close(go[1]);

  std::string problem;
  const auto end = std::chrono::steady_clock::now() + kStartLimit;
  while (!engine_answers(dir / "docker.sock")) {
    if (wait_for(first_fd.get(), 20)) problem = "the private engine did not start:";
    if (owner && wait_for(owner.get(), 0)) problem = "the owner of the private engine is gone";
    if (wait_for(told.get(), 0)) problem = "told to stop";
    if (std::chrono::steady_clock::now() > end) problem = "the private engine does not answer:";
    if (!problem.empty()) break;
  }
  if (problem.empty()) {
    (void)write_file(dir / "ready", "", 0644);
    n = ::write(report.get(), "ready", 5);
    report.reset();
    std::array<pollfd, 3> fds{pollfd{first_fd.get(), POLLIN, 0}, pollfd{told.get(), POLLIN, 0},
                              pollfd{owner.get(), POLLIN, 0}};
    while (::poll(fds.data(), fds.size(), -1) < 0 && errno == EINTR) {
    }
  }
  ::kill(first, SIGKILL);
  thaw_cgroups(cgroup_parent(dir));
  while (::waitpid(first, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (!problem.empty()) return fail(problem);
  const auto cleaned = clean(dir);
  return cleaned ? 0 : 1;
}

}  // namespace

Result<fs::path> keep(const KeepOptions& options) {
  if (::geteuid() != 0) return Error{Code::denied, "a private engine needs root", "harness", false};
  sweep(options.root);
  // Gets its name once it is locked: what carries the name without the lock has been left behind.
  const std::string name = std::string(kPrefix) + random_hex(4);
  const fs::path dir = options.root / name, unlocked = options.root / ("." + name);
  if (::mkdir(unlocked.c_str(), 0755) != 0)
    return errno_error(errno, "cannot make " + unlocked.string(), "harness");
  UniqueFd lock = lock_of(unlocked);
  if (!lock || ::rename(unlocked.c_str(), dir.c_str()) != 0) {
    return errno_error(errno, "cannot set up " + dir.string(), "harness");
  }
  UniqueFd owner;
  if (options.owner > 0) {
    owner = pidfd_of(options.owner);
    if (!owner) {
      (void)clean(dir);
      return Error{Code::invalid,
                   "there is no process " + std::to_string(options.owner) + " to own the engine", "harness",
                   false};
    }
  }
  int report[2];
  if (::pipe2(report, O_CLOEXEC) != 0) return errno_error(errno, "cannot make a pipe", "harness");
  UniqueFd reading(report[0]), writing(report[1]);
  // Forked twice: the keeper is no child of whoever asked for it.
  const pid_t between = ::fork();
  if (between == 0) {
    const pid_t keeper = ::fork();
    if (keeper != 0) ::_exit(keeper < 0);
    reading.reset();
    (void)write_file(dir / "keeper.pid", std::to_string(::getpid()) + "\n", 0644);
    ::_exit(keeper_main(dir, options, std::move(lock), std::move(owner), std::move(writing)));
  }
  if (between < 0) return errno_error(errno, "cannot fork", "harness");
  ::waitpid(between, nullptr, 0);
  writing.reset();
  std::string answer;
  std::array<char, 4096> buffer;
  for (ssize_t n; (n = ::read(reading.get(), buffer.data(), buffer.size())) > 0;) {
    answer.append(buffer.data(), static_cast<std::size_t>(n));
  }
  if (answer != "ready")
    return Error{Code::unavailable, answer.empty() ? "the keeper died" : answer, "harness", false};
  return dir;
}

Result<void> stop_keeping(const fs::path& dir) {
  std::error_code ec;
  if (!dir.filename().string().starts_with(kPrefix)) {
    return Error{Code::invalid, dir.string() + " is not the directory of a private engine", "harness", false};
  }
  if (!fs::exists(dir, ec)) return {};
  // While the lock is held the keeper lives and the pid is its own.
  if (UniqueFd lock = lock_of(dir); lock) return clean(dir);
  BRIG_TRY(const pid_t keeper, read_pid(dir / "keeper.pid"));
  UniqueFd handle = pidfd_of(keeper);
  if (handle) {
    ::syscall(SYS_pidfd_send_signal, handle.get(), SIGTERM, nullptr, 0);
    if (!wait_for(handle.get(), static_cast<int>(std::chrono::milliseconds(kEndLimit).count()))) {
      return Error{Code::timeout, "the keeper of " + dir.string() + " does not end", "harness", false};
    }
  }
  if (fs::exists(dir, ec)) return clean(dir);
  return {};
}

void sweep(const fs::path& root) {
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator(root, ec)) {
    if (!entry.path().filename().string().starts_with(kPrefix)) continue;
    if (UniqueFd lock = lock_of(entry.path()); lock) (void)clean(entry.path());
  }
}

Result<void> enter(const fs::path& dir) {
  BRIG_TRY(const pid_t first, read_pid(dir / "first.pid"));
  UniqueFd handle = pidfd_of(first);
  if (!handle)
    return Error{Code::unavailable, "the engine in " + dir.string() + " is gone", "harness", false};
  std::error_code ec;
  const fs::path here = fs::current_path(ec);
  if (::setns(handle.get(), CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET) != 0) {
    return errno_error(errno, "cannot enter the engine's namespaces", "harness");
  }
  if (!here.empty()) fs::current_path(here, ec);
  return {};
}

}  // namespace brig::harness
