// The first process: what it knows must stay with it, and nobody inside may stop or bend it.
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "agent/tools.hpp"

namespace brig::escape {
namespace {

constexpr const char* kNotDumpable = "the first process is not dumpable: nobody of its uid can look into it";
constexpr const char* kEnds =
    "gVisor lets process 1 be ended from inside: the sandbox ends with it, and nobody else notices";
constexpr const char* kInitIgnores =
    "process 1 of a pid namespace gets no signal from inside that it did not ask for";

Outcome in_pid_1(const std::string& what) {
  return reads("/proc/1/" + what);
}

// A pipe is no more than the other end of one that some process of the sandbox has.
Outcome opens_descriptor_of(const std::string& process, int fd) {
  auto path = "/proc/" + process + "/fd/" + std::to_string(fd);
  char what[200] = {};
  if (::readlink(path.c_str(), what, sizeof what - 1) > 0 && std::string_view(what).starts_with("pipe:"))
    return refused("a pipe");
  int mine = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  return mine < 0 ? refused(std::strerror(errno)) : escaped(path + " is " + what);
}

Outcome ends_pid_1(int signal) {
  if (::kill(1, signal) != 0 && errno != EPERM) return broken(std::strerror(errno));
  ::usleep(20'000);
  auto state = content("/proc/1/stat");
  auto at = state.rfind(')');
  bool stopped =
      at != std::string::npos && at + 2 < state.size() && (state[at + 2] == 'T' || state[at + 2] == 'Z');
  return stopped ? escaped("process 1 stands still") : refused("it goes on");
}

// The instrument: a child of one's own does stop and end.
Proof signals_work() {
  return proven_by("supervisor.own_child", [] {
    pid_t child = ::fork();
    if (child == 0)
      while (true) ::pause();
    ::kill(child, SIGSTOP);
    for (int i = 0; i < 500; ++i) {
      auto state = content("/proc/" + std::to_string(child) + "/stat");
      auto at = state.rfind(')');
      if (at != std::string::npos && state[at + 2] == 'T') return ::kill(child, SIGKILL), escaped();
      ::usleep(10'000);
    }
    ::kill(child, SIGKILL);
    return broken("it did not stop");
  });
}

}  // namespace

ATTEMPT(supervisor, memory, kNotDumpable) {
  return writes("/proc/1/mem");
}
ATTEMPT(supervisor, maps, kNotDumpable,
        OWN_KERNEL("/proc/1 can be looked into, and what is worth anything there cannot: memory and "
                   "descriptors are tried all the same")) {
  return in_pid_1("maps");
}
ATTEMPT(supervisor, stack, kNotDumpable) {
  return in_pid_1("syscall");
}
ATTEMPT(supervisor, auxiliary, kNotDumpable,
        OWN_KERNEL("/proc/1 can be looked into, and what is worth anything there cannot: memory and "
                   "descriptors are tried all the same")) {
  return in_pid_1("auxv");
}
ATTEMPT(supervisor, descriptors, kNotDumpable,
        OWN_KERNEL("/proc/1 can be looked into, and what is worth anything there cannot: memory and "
                   "descriptors are tried all the same")) {
  DIR* dir = ::opendir("/proc/1/fd");
  return dir ? escaped("it can be listed") : refused(std::strerror(errno));
}
ATTEMPT(supervisor, descriptor_opened, kNotDumpable, proven_by("supervisor.own_descriptor", [] {
          return opens_descriptor_of("self", ::open("/", O_RDONLY));
        })) {
  for (int fd = 3; fd < 64; ++fd)
    if (auto got = opens_descriptor_of("1", fd); got.is == Outcome::Is::escaped) return got;
  return refused(std::strerror(errno));
}
ATTEMPT(supervisor, descriptor_taken, kNotDumpable) {
  int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, 1, 0));
  if (pidfd < 0) return refused(std::strerror(errno));
  return answer_of(::syscall(SYS_pidfd_getfd, pidfd, 0, 0));
}
ATTEMPT(supervisor, root, kNotDumpable,
        OWN_KERNEL("/proc/1 can be looked into, and what is worth anything there cannot: memory and "
                   "descriptors are tried all the same")) {
  char target[256];
  return answer_of(::readlink("/proc/1/root", target, sizeof target));
}
ATTEMPT(supervisor, program, kNotDumpable,
        OWN_KERNEL("/proc/1 can be looked into, and what is worth anything there cannot: memory and "
                   "descriptors are tried all the same")) {
  char target[256];
  return answer_of(::readlink("/proc/1/exe", target, sizeof target));
}
ATTEMPT(supervisor, program_overwritten,
        "the program is in a read-only mount and not the agent's (CVE-2019-5736)") {
  auto mine = writes("/run/brig/init");
  if (mine.is == Outcome::Is::escaped) return mine;
  return writes("/proc/1/exe");
}
ATTEMPT(supervisor, trace, "ptrace needs a grant, and process 1 is not dumpable") {
  return answer_of(::ptrace(PTRACE_SEIZE, 1, nullptr, nullptr));
}
ATTEMPT(supervisor, attach, "ptrace needs a grant", OWN_KERNEL("gVisor's own ptrace, of one's own child")) {
  // Of a child of one's own: a debugger inside is a way past the filter on some kernels.
  pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  auto got = answer_of(::ptrace(PTRACE_SEIZE, child, nullptr, nullptr));
  ::kill(child, SIGKILL);
  return got;
}
ATTEMPT(supervisor, memory_by_call, "process_vm_readv needs a grant") {
  char here[8] = {};
  iovec local{here, sizeof here}, remote{here, sizeof here};
  return answer_of(::process_vm_readv(::getpid(), &local, 1, &remote, 1, 0));
}
ATTEMPT(supervisor, compare, "kcmp needs a grant: it tells what processes share") {
  return answer_of(::syscall(SYS_kcmp, ::getpid(), ::getpid(), 0, 0, 0));
}
ATTEMPT(supervisor, killed, kInitIgnores, signals_work(), "narrow", kEnds) {
  return ends_pid_1(SIGKILL);
}
ATTEMPT(supervisor, ended, kInitIgnores, signals_work(), "narrow", kEnds) {
  return ends_pid_1(SIGTERM);
}
ATTEMPT(supervisor, stopped, kInitIgnores, signals_work(), "narrow", kEnds) {
  return ends_pid_1(SIGSTOP);
}
ATTEMPT(supervisor, crashed, kInitIgnores, signals_work(), "narrow", kEnds) {
  return ends_pid_1(SIGSEGV);
}
ATTEMPT(supervisor, socket_replaced, "the link's directory is read-only") {
  auto beside = told("ESCAPE_LINK");
  std::string dir = beside.empty() ? "/run/brig" : beside;
  return answer_of(::rename((dir + "/sock").c_str(), (dir + "/old").c_str()));
}
ATTEMPT(supervisor, socket_removed, "the link's directory is read-only") {
  auto beside = told("ESCAPE_LINK");
  return answer_of(::unlink(((beside.empty() ? "/run/brig" : beside) + "/egress").c_str()));
}
ATTEMPT(supervisor, file_beside_the_socket, "the link's directory is read-only") {
  auto beside = told("ESCAPE_LINK");
  return makes((beside.empty() ? "/run/brig" : beside) + "/mine");
}

}  // namespace brig::escape
