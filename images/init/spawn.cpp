// Starting a process: everything that can fail before fork() is done before it, the rest in the child, which
// reports through a pipe that a successful execve() closes. brig-init never waits for the child: a neighbour
// of the same uid could stop it half-way.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "init/proc_files.hpp"
#include "init/system.hpp"

extern char** environ;

namespace brig::init::system {
namespace {

constexpr const char* kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr std::size_t kMaxInherited = 1024;

// In static memory, but only the child writes to them: brig-init itself never touches these pages.
char* child_argv[link::kMaxSpawnStrings + 1];
char* child_env[link::kMaxSpawnStrings + kMaxInherited + 1];

struct Pipe {
  int read = -1;
  int write = -1;

  bool open() {
    int fds[2];
    if (::pipe2(fds, O_CLOEXEC) != 0) return false;
    read = fds[0];
    write = fds[1];
    return true;
  }
  void close() {
    if (read >= 0) ::close(read);
    if (write >= 0) ::close(write);
    read = write = -1;
  }
};

void set_nonblocking(int fd) {
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
}

// The master in `pair.read`, the slave in `pair.write`.
bool open_terminal(const link::SpawnHead& head, Pipe& pair) {
  pair.read = ::open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (pair.read < 0) return false;
  int unlock = 0;
  if (::ioctl(pair.read, TIOCSPTLCK, &unlock) != 0) return false;
  pair.write = ::ioctl(pair.read, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (pair.write < 0) {
    // Kernels without that request, gVisor's for one: by name.
    unsigned number = 0;
    if (::ioctl(pair.read, TIOCGPTN, &number) != 0) return false;
    char name[32] = "/dev/pts/";
    *put_number(name + strlen(name), number) = 0;
    pair.write = ::open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (pair.write < 0) return false;
  }
  resize(pair.read, head.rows, head.cols);
  termios settings{};
  if (::tcgetattr(pair.write, &settings) == 0) {
    settings.c_iflag |= IUTF8;  // so that erasing a character erases all of it
    ::tcsetattr(pair.write, TCSANOW, &settings);
  }
  return true;
}

[[noreturn]] void give_up(int report, link::Stage stage) {
  std::uint32_t words[2] = {static_cast<std::uint32_t>(stage), static_cast<std::uint32_t>(errno)};
  if (::write(report, words, sizeof words) < 0) ::_exit(126);
  ::_exit(127);
}

const char* find_env(char** env, const char* name, std::size_t length) {
  for (; *env; ++env) {
    if (strncmp(*env, name, length) == 0 && (*env)[length] == '=') return *env + length + 1;
  }
  return nullptr;
}

void build_env(const link::SpawnHead& head, char* strings) {
  std::size_t count = 0;
  for (std::uint32_t i = 0; i < head.envc; ++i) {
    child_env[count++] = strings;
    strings += strlen(strings) + 1;
  }
  child_env[count] = nullptr;
  if (!head.inherit_env) return;
  std::size_t own = count;
  for (char** from = environ; *from && count - own < kMaxInherited; ++from) {
    const char* equals = strchr(*from, '=');
    if (!equals) continue;
    char* kept = child_env[own];
    child_env[own] = nullptr;  // look among those given only
    bool overridden = find_env(child_env, *from, static_cast<std::size_t>(equals - *from)) != nullptr;
    child_env[own] = kept;
    if (!overridden) child_env[count++] = *from;
  }
  child_env[count] = nullptr;
}

// As execvp(), by the PATH the program will see.
void execute() {
  const char* name = child_argv[0];
  if (strchr(name, '/') || *name == 0) {
    ::execve(name, child_argv, child_env);
    return;
  }
  const char* path = find_env(child_env, "PATH", 4);
  if (!path) path = find_env(environ, "PATH", 4);
  if (!path) path = kDefaultPath;
  std::size_t name_length = strlen(name);
  int best = ENOENT;
  while (true) {
    const char* end = strchrnul(path, ':');
    auto length = static_cast<std::size_t>(end - path);
    char full[4096];
    if (length + 1 + name_length + 1 <= sizeof full) {
      memcpy(full, path, length);
      if (length > 0) full[length++] = '/';
      memcpy(full + length, name, name_length + 1);
      ::execve(full, child_argv, child_env);
      if (errno == EACCES) {
        best = EACCES;
      } else if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP && errno != ENAMETOOLONG) {
        return;  // it is there, and it is this one that does not work
      }
    }
    if (*end == 0) break;
    path = end + 1;
  }
  errno = best;
}

[[noreturn]] void become(const link::SpawnHead& head, char* strings, int in, int out, int err, int report) {
  if (::getppid() != 1)
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // in a namespace of its own the kernel sees to it
  ::setsid();
  struct sigaction plain {};
  plain.sa_handler = SIG_DFL;
  for (int number = 1; number <= 64; ++number) ::sigaction(number, &plain, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);

  if (head.terminal && ::ioctl(in, TIOCSCTTY, 0) != 0) give_up(report, link::Stage::terminal);
  // First out of the way of 0, 1 and 2, which may be closed in brig-init and so be in use here.
  int moved[4] = {::fcntl(in, F_DUPFD_CLOEXEC, 10), ::fcntl(out, F_DUPFD_CLOEXEC, 10),
                  ::fcntl(err, F_DUPFD_CLOEXEC, 10), ::fcntl(report, F_DUPFD_CLOEXEC, 10)};
  for (int fd : moved) {
    if (fd < 0) give_up(report, link::Stage::pipes);
  }
  report = moved[3];
  for (int i = 0; i < 3; ++i) {
    if (::dup2(moved[i], i) < 0) give_up(report, link::Stage::pipes);
  }
  // All of ours close on exec; this is for whatever the container's runtime may have left open.
  ::syscall(SYS_close_range, 3U, static_cast<unsigned>(report) - 1, 0U);
  ::syscall(SYS_close_range, static_cast<unsigned>(report) + 1, ~0U, 0U);

  char* cwd = strings;
  strings += strlen(strings) + 1;
  if (*cwd && ::chdir(cwd) != 0) give_up(report, link::Stage::cwd);
  for (std::uint32_t i = 0; i < head.argc; ++i) {
    child_argv[i] = strings;
    strings += strlen(strings) + 1;
  }
  build_env(head, strings);
  execute();
  give_up(report, link::Stage::exec);
}

}  // namespace

bool start(const link::SpawnHead& head, std::span<const std::byte> strings, Child& child, link::Stage& stage,
           int& error) {
  Pipe in, out, err, report;
  auto fail = [&](link::Stage where) {
    stage = where;
    error = errno;
    for (Pipe* pipe : {&in, &out, &err, &report}) pipe->close();
    return false;
  };
  if (!report.open()) return fail(link::Stage::pipes);
  if (head.terminal) {
    if (!open_terminal(head, out)) return fail(link::Stage::terminal);
    in.write = ::fcntl(out.read, F_DUPFD_CLOEXEC, 3);
    if (in.write < 0) return fail(link::Stage::terminal);
  } else {
    if (!out.open() || !err.open()) return fail(link::Stage::pipes);
    if (head.stdin_open ? !in.open() : (in.read = ::open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0) {
      return fail(link::Stage::pipes);
    }
  }
  for (int fd : {in.write, out.read, err.read, report.read}) {
    if (fd >= 0) set_nonblocking(fd);
  }
  pid_t pid = ::fork();
  if (pid < 0) return fail(link::Stage::fork);
  if (pid == 0) {
    auto* text = reinterpret_cast<char*>(const_cast<std::byte*>(strings.data()));
    int slave = out.write;
    become(head, text, head.terminal ? slave : in.read, slave, head.terminal ? slave : err.write,
           report.write);
  }
  ::close(report.write);
  ::close(out.write);
  if (!head.terminal) {
    ::close(err.write);
    ::close(in.read);
  }
  child = {pid, in.write, out.read, err.read, report.read};
  return true;
}

}  // namespace brig::init::system
