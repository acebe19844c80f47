#include "init/system.hpp"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "init/proc_files.hpp"

namespace brig::init::system {

std::uint64_t now_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1000 + static_cast<std::uint64_t>(now.tv_nsec) / 1'000'000;
}

bool is_first_process() {
  return ::getpid() == 1;
}

void send_signal(pid_t pid, link::Target target, int number) {
  switch (target) {
    case link::Target::process:
      ::kill(pid, number);
      break;
    case link::Target::group:
      ::kill(-pid, number);
      break;
    case link::Target::session:
      for_each_process([&](const ProcessStat& stat) {
        if (stat.session == pid) ::kill(stat.pid, number);
      });
      break;
    case link::Target::everything:
      if (is_first_process()) ::kill(-1, number);
      break;
  }
}

void resize(int terminal, std::uint16_t rows, std::uint16_t cols) {
  winsize size{};
  size.ws_row = rows;
  size.ws_col = cols;
  ::ioctl(terminal, TIOCSWINSZ, &size);
}

bool eof_character(int terminal, char& c) {
  termios settings{};
  if (::tcgetattr(terminal, &settings) != 0) return false;
  c = static_cast<char>(settings.c_cc[VEOF]);
  return (settings.c_lflag & ICANON) != 0;
}

bool reap(pid_t& pid, link::ExitKind& kind, std::uint32_t& status, bool& any_left) {
  while (true) {
    int raw = 0;
    pid_t got = ::waitpid(-1, &raw, WNOHANG | __WALL);
    if (got < 0 && errno == EINTR) continue;
    any_left = got >= 0;
    if (got <= 0) return false;
    pid = got;
    if (WIFEXITED(raw)) {
      kind = link::ExitKind::exited;
      status = static_cast<std::uint32_t>(WEXITSTATUS(raw));
      return true;
    }
    if (WIFSIGNALED(raw)) {
      kind = link::ExitKind::signaled;
      status = static_cast<std::uint32_t>(WTERMSIG(raw));
      return true;
    }
  }
}

int connect_port(std::uint16_t port, bool ipv6) {
  if (port == 0) return -EINVAL;
  int fd = ::socket(ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  int result = 0;
  if (ipv6) {
    sockaddr_in6 to{};
    to.sin6_family = AF_INET6;
    to.sin6_port = htons(port);
    to.sin6_addr = in6addr_loopback;
    result = ::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to);
  } else {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    result = ::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to);
  }
  // On loopback a refusal is known at once; it is read from the socket like a late one.
  if (result != 0 && errno != EINPROGRESS && errno != ECONNREFUSED) {
    int error = errno;
    ::close(fd);
    return -error;
  }
  return fd;
}

int connect_link(const char* path) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (strlen(path) >= sizeof to.sun_path) return -ENAMETOOLONG;
  strcpy(to.sun_path, path);
  int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  int size = 1024 * 1024;  // the kernel gives as much as it allows
  ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0 && errno != EINPROGRESS) {
    int error = errno;
    ::close(fd);
    return -error;
  }
  return fd;
}

int open_signal_fd() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGCHLD);
  ::sigaddset(&set, SIGTERM);
  ::sigaddset(&set, SIGINT);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  return ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

bool take_stop_request(int signal_fd) {
  bool stop = false;
  signalfd_siginfo info;
  while (::read(signal_fd, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    if (info.ssi_signo == SIGCHLD) continue;
    // What runs in the sandbox must not end it; a sender outside its pid namespace has no pid here.
    if (info.ssi_pid == 0 || !is_first_process()) stop = true;
  }
  return stop;
}

void complain(const char* text) {
  iovec parts[3] = {{const_cast<char*>("brig-init: "), 11},
                    {const_cast<char*>(text), strlen(text)},
                    {const_cast<char*>("\n"), 1}};
  if (::writev(2, parts, 3) < 0) return;  // nobody is there to be told
}

}  // namespace brig::init::system
