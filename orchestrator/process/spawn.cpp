#include "process/spawn.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/process/args.hpp>
#include <boost/process/child.hpp>
#include <boost/process/env.hpp>
#include <boost/process/environment.hpp>
#include <boost/process/error.hpp>
#include <boost/process/exe.hpp>
#include <boost/process/extend.hpp>
#include <boost/process/posix.hpp>
#include <cerrno>

#include "core/text.hpp"

namespace brig::process {
namespace {

namespace bp = boost::process;

// Above 2, so that arranging one end as the child's 0, 1 or 2 can't close another.
Result<UniqueFd> above_stdio(int fd, std::string_view what) {
  if (fd > 2) return UniqueFd(fd);
  int error = errno;
  if (fd < 0) return errno_error(error, what, "process");
  UniqueFd low(fd);
  UniqueFd high(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (!high) return errno_error(errno, what, "process");
  return high;
}

struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno_error(errno, "cannot make a pipe", "process");
  UniqueFd second(ends[1]);
  BRIG_TRY(auto read_end, above_stdio(ends[0], "cannot make a pipe"));
  BRIG_TRY(auto write_end, above_stdio(second.release(), "cannot make a pipe"));
  if (::fcntl(read_end.get(), F_SETFL, O_NONBLOCK) != 0)
    return errno_error(errno, "cannot make a pipe", "process");
  return Pipe{std::move(read_end), std::move(write_end)};
}

// All the input as a file in memory: nothing to pump, and no SIGPIPE when the program does not read it.
Result<UniqueFd> make_input(const std::string& input) {
  if (input.empty()) return above_stdio(::open("/dev/null", O_RDONLY | O_CLOEXEC), "cannot open /dev/null");
  if (input.size() > kMaxInput)
    return Error{Code::too_large, "the input of a program is too large", "process", false};
  BRIG_TRY(auto file,
           above_stdio(::memfd_create("input", MFD_CLOEXEC), "cannot make the input of a program"));
  for (std::size_t done = 0; done < input.size();) {
    auto n = ::write(file.get(), input.data() + done, input.size() - done);
    if (n < 0) return errno_error(errno, "cannot write the input of a program", "process");
    done += static_cast<std::size_t>(n);
  }
  if (::lseek(file.get(), 0, SEEK_SET) != 0)
    return errno_error(errno, "cannot write the input of a program", "process");
  return file;
}

// Runs in the child, between fork and exec: only calls that are safe there.
struct InChild : bp::extend::handler {
  const char* cwd = "/";
  pid_t* pid = nullptr;

  template <class Executor>
  void on_exec_setup(Executor& executor) const {
    ::setpgid(0, 0);
    for (int signal = 1; signal < NSIG; ++signal)
      if (signal != SIGKILL && signal != SIGSTOP) ::signal(signal, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    // Whatever was opened without O_CLOEXEC, by whichever library.
    ::syscall(SYS_close_range, 3u, ~0u, static_cast<unsigned>(CLOSE_RANGE_CLOEXEC));
    // Boost would report a directory that can't be entered and then run the program elsewhere.
    if (::chdir(cwd) != 0) {
      executor.set_error(bp::detail::get_last_error(), "chdir");
      ::_exit(127);
    }
  }
  // Boost forgets the child when it could not exec, sometimes without having reaped it.
  template <class Executor>
  void on_error(Executor& executor, const std::error_code&) const {
    *pid = executor.pid;
  }
};

void kill_and_reap(pid_t pid) {
  if (pid <= 0) return;
  ::kill(-pid, SIGKILL);
  ::kill(pid, SIGKILL);
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

bool holds_nul(const Command& command) {
  auto has = [](const std::string& s) { return s.find('\0') != std::string::npos; };
  for (const auto& arg : command.args)
    if (has(arg)) return true;
  for (const auto& [name, value] : command.env)
    if (has(name) || has(value) || name.empty() || name.find('=') != std::string::npos) return true;
  return has(command.program.native()) || has(command.cwd.native());
}

}  // namespace

Result<Spawned> spawn(const Command& command) {
  auto program = command.program.native();
  auto args = command.args;
  if (!command.program.is_absolute() || holds_nul(command))
    return Error{Code::internal,
                 "program " + quoted(program) + " is not given by an absolute path and plain texts",
                 "process", false};
  if (command.contained) {
    args.insert(args.begin(), {"--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--", program});
    program = "/usr/bin/unshare";
  }
  bp::environment environment;
  for (const auto& [name, value] : command.env) environment[name] = value;

  BRIG_TRY(auto input, make_input(command.input));
  BRIG_TRY(auto output, make_pipe());
  BRIG_TRY(auto errors, make_pipe());
  pid_t failed_pid = -1;
  InChild in_child;
  in_child.cwd = command.cwd.c_str();
  in_child.pid = &failed_pid;
  std::error_code error;
  bp::child child(bp::exe = program, bp::args = args, environment, bp::posix::fd.bind(0, input.get()),
                  bp::posix::fd.bind(1, output.write_end.get()),
                  bp::posix::fd.bind(2, errors.write_end.get()), in_child, error);
  if (error) {
    kill_and_reap(failed_pid);
    return errno_error(error.value(),
                       "cannot run " + printable(program) + " in " + printable(command.cwd.native()),
                       "process");
  }
  Spawned spawned;
  spawned.pid = child.id();
  child.detach();
  spawned.pidfd.reset(static_cast<int>(::syscall(SYS_pidfd_open, spawned.pid, 0)));
  if (!spawned.pidfd) {
    int why = errno;
    kill_and_reap(spawned.pid);
    return errno_error(why, "cannot watch " + printable(program), "process");
  }
  spawned.output = std::move(output.read_end);
  spawned.errors = std::move(errors.read_end);
  return spawned;
}

}  // namespace brig::process
