#include "init/supervisor.hpp"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

namespace brig::init {
namespace {

constexpr std::uint64_t kTrimAfterMs = 200;
constexpr int kPumpsPerTurn = 16;
constexpr std::uint64_t kEgressAgainMs = 20;

// Unlike the buffers it must be seen by the child, which reads what it is to execute from it.
std::byte* map_spawn_memory() {
  void* at = ::mmap(nullptr, link::kSpawnHead + link::kMaxSpawnBytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return at == MAP_FAILED ? nullptr : static_cast<std::byte*>(at);
}

}  // namespace

bool Supervisor::prepare(const char* socket_path) {
  path_ = socket_path;
  started_ = system::now_ms();
  // Before the first child: the end of one that dies at once is not missed.
  signals_ = system::open_signal_fd();
  // Before there is anything that it should not see.
  egress_ = system::start_egress(key_);
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  spawn_ = map_spawn_memory();
  if (epoll_ < 0 || signals_ < 0 || !spawn_ || !link_.reserve()) return false;
  watch(signals_, kSignals, 0);
  connect();
  return true;
}

void Supervisor::close() {
  disconnect(nullptr, 0);
  for (Process& process : processes_) {
    if (!process.free()) process.release();
  }
  link_.release();
  ::munmap(spawn_, link::kSpawnHead + link::kMaxSpawnBytes);
  ::close(signals_);
  ::close(epoll_);
}

void Supervisor::watch(int fd, Kind kind, std::size_t index) {
  if (fd < 0) return;
  epoll_event event{};
  event.events = EPOLLET | EPOLLRDHUP;
  if (kind != kIn) event.events |= EPOLLIN;
  if (kind == kIn || kind == kLink || kind == kChannel) event.events |= EPOLLOUT;
  event.data.u64 = (std::uint64_t{kind} << 32) | index;
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
}

void Supervisor::watch_process(Process& process) {
  auto index = static_cast<std::size_t>(&process - processes_);
  watch(process.sources()[0].fd, kOut, index);
  watch(process.sources()[1].fd, kErr, index);
  watch(process.input().fd(), kIn, index);
  watch(process.exec_status(), kExec, index);
}

// An event may be stale, of a descriptor closed a moment ago: it then only sets a flag that the next read or
// write clears again.
void Supervisor::dispatch(std::uint64_t tag, std::uint32_t events) {
  auto kind = static_cast<Kind>(tag >> 32);
  auto index = static_cast<std::size_t>(tag & 0xffffffff);
  switch (kind) {
    case kSignals:
      children_changed_ = true;
      if (system::take_stop_request(signals_)) begin_shutdown(5000);
      break;
    case kLink:
      if (events & ~static_cast<std::uint32_t>(EPOLLOUT)) link_.on_readable();
      if (events & EPOLLOUT) link_.on_writable();
      break;
    case kOut:
    case kErr:
      processes_[index].sources()[kind == kOut ? 0 : 1].readable = true;
      break;
    case kIn: {
      Process& process = processes_[index];
      if (process.free()) break;
      std::uint64_t before = process.input().consumed();
      bool gone = process.input().gone();
      if (events & (EPOLLERR | EPOLLHUP)) {
        process.input().on_hangup();
      } else {
        process.input().on_writable();
      }
      if (process.input().consumed() != before || process.input().gone() != gone) {
        process.set_due(Process::kStdinAck);
      }
      break;
    }
    case kExec:
      if (processes_[index].exec_status() >= 0) processes_[index].on_exec_status();
      break;
    case kChannel: {
      Channel& channel = channels_[index];
      if (channel.free()) break;
      channel.on_readable();
      bool new_fd = false;
      if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) channel.on_writable(new_fd);
      if (new_fd) watch(channel.fd(), kChannel, index);
      break;
    }
  }
}

void Supervisor::reap() {
  children_changed_ = false;
  pid_t pid = 0;
  link::ExitKind kind{};
  std::uint32_t status = 0;
  while (system::reap(pid, kind, status, children_left_)) {
    if (pid == egress_) {
      // Somebody inside ended it, or it failed. Not at once, should it fail again.
      egress_ = 0;
      egress_at_ = phase_ == Phase::running ? system::now_ms() + kEgressAgainMs : 0;
    }
    for (Process& process : processes_) {
      if (!process.free() && process.alive() && process.pid() == pid) process.on_exit(kind, status);
    }
  }
}

void Supervisor::keep_egress() {
  egress_at_ = 0;
  if (phase_ != Phase::running) return;
  egress_ = system::start_egress(key_);
  if (egress_ == 0) egress_at_ = system::now_ms() + 1000;
}

bool Supervisor::pump() {
  bool more = false;
  for (Process& process : processes_) {
    if (!process.free() && process.read_output()) more = true;
  }
  for (Channel& channel : channels_) {
    if (!channel.free() && channel.read_ahead()) more = true;
  }
  return more;
}

int Supervisor::wait_ms() const {
  std::uint64_t now = system::now_ms();
  std::uint64_t at = now + 3600 * 1000;
  auto sooner = [&](std::uint64_t when) {
    if (when != 0 && when < at) at = when;
  };
  if (!link_.up()) sooner(retry_at_);
  if (link_.up() && !welcomed_) sooner(handshake_by_);
  sooner(trim_at_);
  sooner(egress_at_);
  if (phase_ != Phase::running) sooner(phase_until_);
  if (phase_ == Phase::killing) sooner(next_kill_);
  return at <= now ? 0 : static_cast<int>(at - now);
}

void Supervisor::trim() {
  trim_at_ = 0;
  link_.trim();
  for (Process& process : processes_) {
    if (process.free()) continue;
    process.output().trim();
    process.input().trim();
  }
}

bool Supervisor::turn(int max_wait_ms) {
  epoll_event events[64];
  int wait = busy_ ? 0 : wait_ms();
  if (max_wait_ms >= 0 && wait > max_wait_ms) wait = max_wait_ms;
  int count = ::epoll_wait(epoll_, events, 64, wait);
  busy_ = false;
  for (int i = 0; i < count; ++i) dispatch(events[i].data.u64, events[i].events);
  if (children_changed_) reap();
  read_frames();
  for (int i = 0; i < kPumpsPerTurn; ++i) {
    bool more = pump();
    send_all();
    busy_ = busy_ || more;
    if (!more) break;
    if (i + 1 < kPumpsPerTurn) busy_ = false;
  }
  if (stalled_ && link_.up()) busy_ = busy_ || link_.idle();

  std::uint64_t now = system::now_ms();
  if (count > 0 && trim_at_ == 0) trim_at_ = now + kTrimAfterMs;
  if (trim_at_ != 0 && now >= trim_at_) trim();
  if (egress_at_ != 0 && now >= egress_at_) keep_egress();
  if (link_.up() && !welcomed_ && now >= handshake_by_) disconnect("brigd does not answer", 1000);
  if (!link_.up() && now >= retry_at_) connect();
  return step_shutdown();
}

}  // namespace brig::init
