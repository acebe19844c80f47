#include "harness/child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <tuple>

extern char** environ;

namespace brig::harness {
namespace {

constexpr std::size_t kMaxKept = 16 << 20;

struct Pipe {
  UniqueFd read, write;
};

Result<Pipe> make_pipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) return errno_error(errno, "cannot make a pipe");
  return Pipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

std::vector<std::string> environment(const std::vector<std::pair<std::string, std::string>>& extra) {
  std::vector<std::string> env;
  for (char** e = environ; *e; ++e) {
    const std::string_view entry = *e;
    bool replaced = false;
    for (const auto& [name, value] : extra) replaced |= entry.starts_with(name + "=");
    if (!replaced) env.emplace_back(entry);
  }
  for (const auto& [name, value] : extra) env.push_back(name + "=" + value);
  return env;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (auto& s : strings) out.push_back(s.data());
  out.push_back(nullptr);
  return out;
}

}  // namespace

Result<Child> Child::spawn(const std::vector<std::string>& argv, SpawnOptions options) {
  if (argv.empty()) return Error{Code::invalid, "no command to spawn", "harness", false};
  Pipe in, out, err;
  if (options.pipe_in) {
    BRIG_TRY(in, make_pipe());
  } else {
    in.read.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  }
  if (options.pipe_out) {
    BRIG_TRY(out, make_pipe());
  }
  if (options.pipe_err) {
    BRIG_TRY(err, make_pipe());
  }
  BRIG_TRY(Pipe failed, make_pipe());
  std::vector<std::string> args = argv, env = environment(options.env);
  const std::vector<char*> argp = pointers(args), envp = pointers(env);
  const pid_t parent = ::getpid();

  const pid_t pid = ::fork();
  if (pid < 0) return errno_error(errno, "cannot fork");
  if (pid == 0) {  // only async-signal-safe calls from here
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
    ::dup2(in.read.get(), 0);
    if (out.write) ::dup2(out.write.get(), 1);
    if (err.write) ::dup2(err.write.get(), 2);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    int problem = 0;
    if (!options.cwd.empty() && ::chdir(options.cwd.c_str()) != 0) problem = errno;
    if (problem == 0) {
      ::execvpe(argp[0], argp.data(), envp.data());
      problem = errno;
    }
    [[maybe_unused]] auto written = ::write(failed.write.get(), &problem, sizeof problem);
    ::_exit(127);
  }
  Child child(pid);
  failed.write.reset();
  int problem = 0;
  if (::read(failed.read.get(), &problem, sizeof problem) == sizeof problem) {
    return errno_error(problem, "cannot start " + argv[0], "harness");
  }
  child.in = std::move(in.write);
  child.out = std::move(out.read);
  child.err = std::move(err.read);
  return child;
}

Child& Child::operator=(Child&& other) noexcept {
  if (this != &other) {
    std::swap(in, other.in);
    std::swap(out, other.out);
    std::swap(err, other.err);
    std::swap(pid_, other.pid_);
    std::swap(status_, other.status_);
  }
  return *this;
}

Child::~Child() {
  if (pid_ <= 0 || status_) return;
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void Child::kill(int signal) const {
  if (pid_ > 0 && !status_) ::kill(pid_, signal);
}

Result<int> Child::wait(std::chrono::milliseconds limit) {
  if (status_) return *status_;
  UniqueFd handle(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  if (!handle) return errno_error(errno, "cannot watch a child");
  const auto end = std::chrono::steady_clock::now() + limit;
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now()).count();
    pollfd p{handle.get(), POLLIN, 0};
    const int n = ::poll(&p, 1, left > 0 ? static_cast<int>(left) : 0);
    if (n < 0 && errno == EINTR) continue;
    if (n == 0) return Error{Code::timeout, "the child has not ended in time", "harness", false};
    break;
  }
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return *status_;
}

bool Child::running() {
  return !wait(std::chrono::milliseconds(0)).ok();
}

Result<Finished> run(const std::vector<std::string>& argv, std::string_view input, SpawnOptions options,
                     std::chrono::milliseconds limit) {
  options.pipe_in = options.pipe_out = options.pipe_err = true;
  BRIG_TRY(Child child, Child::spawn(argv, std::move(options)));
  ::fcntl(child.in.get(), F_SETFL, O_NONBLOCK);
  if (input.empty()) child.in.reset();
  // A child that closes its stdin early must not kill us.
  sigset_t pipe_set, before;
  ::sigemptyset(&pipe_set);
  ::sigaddset(&pipe_set, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &pipe_set, &before);
  Finished done;
  const auto end = std::chrono::steady_clock::now() + limit;
  bool late = false;
  while (child.out || child.err) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now()).count();
    if (left <= 0) {
      late = true;
      break;
    }
    std::array<pollfd, 3> fds{pollfd{child.out.get(), POLLIN, 0}, pollfd{child.err.get(), POLLIN, 0},
                              pollfd{child.in.get(), POLLOUT, 0}};
    if (::poll(fds.data(), fds.size(), static_cast<int>(left)) < 0 && errno != EINTR) break;
    std::array<char, 65536> buffer;
    for (auto [at, fd, sink] :
         {std::tuple(0u, &child.out, &done.out), std::tuple(1u, &child.err, &done.err)}) {
      if (fds[at].revents == 0) continue;
      const ssize_t n = ::read(fd->get(), buffer.data(), buffer.size());
      if (n > 0 && sink->size() < kMaxKept) sink->append(buffer.data(), static_cast<std::size_t>(n));
      if (n == 0 || (n < 0 && errno != EINTR)) fd->reset();
    }
    if (fds[2].revents != 0) {
      const ssize_t n = ::write(child.in.get(), input.data(), input.size());
      if (n > 0) input.remove_prefix(static_cast<std::size_t>(n));
      if (input.empty() || (n < 0 && errno != EAGAIN && errno != EINTR)) child.in.reset();
    }
  }
  const timespec now{};
  ::sigtimedwait(&pipe_set, nullptr, &now);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (late) return Error{Code::timeout, argv[0] + " has not ended in time", "harness", false};
  BRIG_TRY(
      done.code,
      child.wait(std::chrono::milliseconds(std::max<std::int64_t>(
          1, std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now())
                 .count()))));
  return done;
}

}  // namespace brig::harness
