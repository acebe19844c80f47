#include "brig_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>

namespace brig::cli::test {
namespace {

constexpr int kGenerousMs = 60'000;

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::abort();
}

void make_pipe(UniqueFd& read_end, UniqueFd& write_end) {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) die("pipe2");
  read_end.reset(fds[0]);
  write_end.reset(fds[1]);
}

// False at the end, or when nothing came for a long time.
bool read_more(int fd, std::string& into) {
  pollfd p{fd, POLLIN, 0};
  if (::poll(&p, 1, kGenerousMs) <= 0) return false;
  char buffer[65536];
  ssize_t n = ::read(fd, buffer, sizeof buffer);
  if (n <= 0) return false;
  into.append(buffer, static_cast<std::size_t>(n));
  return true;
}

}  // namespace

BrigProcess::BrigProcess(const std::string& host, std::vector<std::string> words, BrigOptions options) {
  UniqueFd child_in, child_out, child_err;
  if (options.terminal) {
    int master = -1, slave = -1;
    winsize size{30, 100, 0, 0};
    if (::openpty(&master, &slave, nullptr, nullptr, &size) != 0) die("openpty");
    in_.reset(master);
    out_.reset(::fcntl(master, F_DUPFD_CLOEXEC, 0));
    ::fcntl(master, F_SETFD, FD_CLOEXEC);
    slave_.reset(slave);
    ::fcntl(slave, F_SETFD, FD_CLOEXEC);
    child_in.reset(::dup(slave));
    child_out.reset(::dup(slave));
    child_err.reset(::dup(slave));
  } else {
    make_pipe(child_in, in_);
    make_pipe(out_, child_out);
    make_pipe(err_, child_err);
  }
  options.environment["BRIG_HOST"] = host;
  options.environment.try_emplace("PATH", "/usr/bin:/bin");
  std::vector<std::string> environment;
  for (const auto& [key, value] : options.environment) environment.push_back(key + "=" + value);
  words.insert(words.begin(), BRIG_BINARY);
  std::vector<char*> argv, envp;
  for (auto& word : words) argv.push_back(word.data());
  for (auto& line : environment) envp.push_back(line.data());
  argv.push_back(nullptr);
  envp.push_back(nullptr);
  pid_ = ::fork();
  if (pid_ < 0) die("fork");
  if (pid_ == 0) {
    // A shell starts what runs in its background with these ignored, and who starts so goes on ignoring them.
    for (int number : {SIGHUP, SIGINT, SIGQUIT, SIGPIPE}) ::signal(number, SIG_DFL);
    if (options.terminal) {
      ::setsid();
      ::ioctl(child_in.get(), TIOCSCTTY, 0);
    }
    ::dup2(child_in.get(), 0);
    ::dup2(child_out.get(), 1);
    ::dup2(child_err.get(), 2);
    for (int fd = 3; fd < 256; ++fd) ::close(fd);
    if (!options.directory.empty() && ::chdir(options.directory.c_str()) != 0) ::_exit(99);
    if (options.as_nobody && ::getuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) ::_exit(98);
    ::execve(BRIG_BINARY, argv.data(), envp.data());
    ::_exit(97);
  }
}

BrigProcess::~BrigProcess() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
}

void BrigProcess::write(std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t n = ::write(in_.get(), bytes.data(), bytes.size());
    if (n <= 0) die("write to brig");
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

bool BrigProcess::wait_output(std::string_view text) {
  // One that prints for ever must not keep us for ever either.
  auto late = std::chrono::steady_clock::now() + std::chrono::milliseconds(kGenerousMs);
  while (seen_.find(text) == std::string::npos) {
    if (std::chrono::steady_clock::now() > late || !read_more(out_.get(), seen_)) return false;
  }
  return true;
}

std::string BrigProcess::output() {
  slave_.reset();
  while (read_more(out_.get(), seen_)) {
  }
  return seen_;
}

std::string BrigProcess::errors() {
  std::string out;
  while (read_more(err_.get(), out)) {
  }
  return out;
}

int BrigProcess::wait() {
  int status = 0;
  if (::waitpid(pid_, &status, 0) != pid_) die("waitpid");
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

termios BrigProcess::terminal() const {
  termios out{};
  if (::tcgetattr(slave_.get(), &out) != 0) die("tcgetattr");
  return out;
}

void BrigProcess::resize(unsigned short rows, unsigned short cols) {
  winsize size{rows, cols, 0, 0};
  ::ioctl(in_.get(), TIOCSWINSZ, &size);
}

Said brig(const std::string& host, std::vector<std::string> words, BrigOptions options,
          std::string_view input) {
  BrigProcess process(host, std::move(words), std::move(options));
  if (!input.empty()) process.write(input);
  process.close_stdin();
  std::string out = process.output();
  std::string err = process.errors();
  return {out, err, process.wait()};
}

}  // namespace brig::cli::test
