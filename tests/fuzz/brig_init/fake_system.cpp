#include "fake_system.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "init/system.hpp"

namespace brig::init {
namespace {

std::uint64_t clock_ms = 1;
int peer = -1;
int event = -1;
pid_t next_pid = 100;
std::vector<int> others;  // the far ends of pipes
std::vector<pid_t> alive, dying;

void pair(int type, int& ours) {
  int fds[2];
  if (::socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) std::abort();
  ours = fds[0];
  others.push_back(fds[1]);
}

}  // namespace

namespace fake {

int take_peer() {
  int fd = peer;
  peer = -1;
  return fd;
}

void reset() {
  for (int fd : others) ::close(fd);
  others.clear();
  alive.clear();
  dying.clear();
  if (peer >= 0) ::close(peer);
  peer = -1;
  next_pid = 100;
}

}  // namespace fake

namespace system {

std::uint64_t now_ms() {
  return ++clock_ms;
}
bool is_first_process() {
  return true;
}

bool start(const link::SpawnHead& head, std::span<const std::byte> strings, Child& child, link::Stage& stage,
           int& error) {
  if (strings[0] == std::byte{0xfe}) {
    stage = link::Stage::fork;
    error = EAGAIN;
    return false;
  }
  child.pid = next_pid++;
  pair(SOCK_STREAM, child.out);
  std::string text(static_cast<std::size_t>(strings.size() % 3000), 'o');
  if (::write(others.back(), text.data(), text.size()) < 0) std::abort();
  if (!head.terminal) pair(SOCK_STREAM, child.err);
  if (head.stdin_open) pair(SOCK_STREAM, child.in);
  int status[2];
  if (::pipe2(status, O_NONBLOCK | O_CLOEXEC) != 0) std::abort();
  if (strings[0] == std::byte{0xfd}) {
    std::uint32_t report[2] = {7, ENOENT};
    if (::write(status[1], report, sizeof report) < 0) std::abort();
  }
  ::close(status[1]);
  child.exec_status = status[0];
  alive.push_back(child.pid);
  return true;
}

void send_signal(pid_t pid, link::Target target, int) {
  std::vector<pid_t> rest;
  for (pid_t p : alive) {
    if (target == link::Target::everything || p == pid) {
      dying.push_back(p);
    } else {
      rest.push_back(p);
    }
  }
  alive = rest;
  std::uint64_t one = 1;
  if (::write(event, &one, sizeof one) < 0) return;
}

void resize(int, std::uint16_t, std::uint16_t) {}

bool eof_character(int, char& c) {
  c = 4;
  return true;
}

bool reap(pid_t& pid, link::ExitKind& kind, std::uint32_t& status, bool& any_left) {
  any_left = !alive.empty() || !dying.empty();
  if (dying.empty()) return false;
  pid = dying.back();
  dying.pop_back();
  kind = pid % 2 ? link::ExitKind::exited : link::ExitKind::signaled;
  status = 9;
  return true;
}

int connect_port(std::uint16_t port, bool) {
  if (port % 8 == 0) return -ECONNREFUSED;
  int fd = -1;
  pair(SOCK_STREAM, fd);
  if (::write(others.back(), "hello", 5) < 0) std::abort();
  return fd;
}

int connect_link(const char*) {
  if (peer >= 0) return -EAGAIN;
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) std::abort();
  peer = fds[1];
  return fds[0];
}

void fill_stats(link::Stats& stats, pid_t) {
  stats.processes = static_cast<std::uint32_t>(alive.size());
}

bool take_stop_request(int fd) {
  std::uint64_t count = 0;
  return ::read(fd, &count, sizeof count) < 0 && errno != EAGAIN;
}

int open_signal_fd() {
  return event = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

void complain(const char*) {}

pid_t start_egress(std::span<std::byte>) {
  return 0;
}

}  // namespace system
}  // namespace brig::init
