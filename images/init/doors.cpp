// The process that lets others out: its sockets, which process 1 opens and keeps, and how it is started.
//
// It is a fork, not a program of its own: it starts in 0.1 ms, is as little dumpable as process 1, and nobody
// inside can come between. That its address space is a copy is why it is started before there are secrets,
// and why a later one forgets them first.
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "init/system.hpp"
#include "init_egress/egress.hpp"

namespace brig::init::system {
namespace {

const char* path = nullptr;
egress::Doors doors;
constinit egress::Egress way_out;

int open_door(int type, std::uint16_t port) {
  int fd = ::socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  int on = 1;
  // A restarted sandbox finds none of its own connections in the way. (For UDP it would let others take the
  // port.)
  if (type == SOCK_STREAM) ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  bool fine = ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
              (type == SOCK_DGRAM || ::listen(fd, SOMAXCONN) == 0);
  if (fine) return fd;
  ::close(fd);
  return -1;
}

// All but the standard ones and the doors.
void close_others() {
  unsigned keep[3];
  int count = 0;
  for (int fd : {doors.proxy, doors.resolver_udp, doors.resolver_tcp}) {
    if (fd > 2) keep[count++] = static_cast<unsigned>(fd);
  }
  unsigned from = 3;
  for (int left = count; left > 0; --left) {
    unsigned next = ~0U;
    for (int i = 0; i < count; ++i) {
      if (keep[i] >= from && keep[i] < next) next = keep[i];
    }
    if (next > from) ::syscall(SYS_close_range, from, next - 1, 0U);
    from = next + 1;
  }
  ::syscall(SYS_close_range, from, ~0U, 0U);
}

[[noreturn]] void run(std::span<std::byte> secrets) {
  explicit_bzero(secrets.data(), secrets.size());
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  if (::getppid() != 1)
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // in a namespace of its own the kernel sees to it
  ::prctl(PR_SET_NAME, "brig-egress", 0, 0, 0);
  ::setsid();
  // Signals that go round the sandbox are not meant for it; SIGKILL is answered by starting another.
  for (int number = 1; number <= 64; ++number) ::signal(number, SIG_IGN);
  close_others();
  if (!way_out.prepare(path, doors)) {
    complain("the kernel refuses epoll: nothing can be reached from inside");
    ::_exit(70);
  }
  while (true) way_out.turn();
}

}  // namespace

void open_doors(const char* egress_socket) {
  path = egress_socket;
  doors.proxy = open_door(SOCK_STREAM, egress::kProxyPort);
  doors.resolver_udp = open_door(SOCK_DGRAM, egress::kResolverPort);
  doors.resolver_tcp = open_door(SOCK_STREAM, egress::kResolverPort);
  if (doors.proxy < 0) complain("port 3128 of loopback can't be had: there is no proxy inside");
  if (doors.resolver_udp < 0 || doors.resolver_tcp < 0)
    complain("port 53 of loopback can't be had: names can't be looked up");
}

pid_t start_egress(std::span<std::byte> secrets) {
  if (!path) return 0;
  pid_t pid = ::fork();
  if (pid == 0) run(secrets);
  return pid < 0 ? 0 : pid;
}

}  // namespace brig::init::system
