#include "init/process.hpp"

#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace brig::init {
namespace {

// How much a terminal may hold that was written before its process ended.
constexpr std::uint32_t kTerminalBacklog = 128 * 1024;

}  // namespace

void Process::fail(std::uint32_t id, link::Stage stage, int error) {
  id_ = id;
  state_ = link::ProcessState::failed;
  output_.close();
  kind_ = static_cast<std::uint8_t>(stage);
  status_ = static_cast<std::uint32_t>(error);
  set_due(kFailed);
}

void Process::begin(std::uint32_t id, bool terminal, const system::Child& child) {
  id_ = id;
  pid_ = child.pid;
  state_ = link::ProcessState::starting;
  terminal_ = terminal;
  exec_status_ = child.exec_status;
  sources_[0] = {child.out, link::Stream::out, true, false, 0};
  sources_[1] = {child.err, link::Stream::err, true, false, 0};
  input_.open(child.in, terminal);
}

void Process::close_sources() {
  for (Source& source : sources_) {
    if (source.open()) ::close(source.fd);
    source.fd = -1;
  }
}

void Process::release() {
  close_sources();
  if (exec_status_ >= 0) ::close(exec_status_);
  exec_status_ = -1;
  input_.close();
  output_.close();
  id_ = 0;
  pid_ = 0;
  due_ = 0;
  kind_ = 0;
  status_ = 0;
  exit_offset_ = 0;
  reaped_ = terminal_ = forgotten_ = false;
}

void Process::on_exec_status() {
  std::uint32_t report[2] = {};
  ssize_t n = ::read(exec_status_, report, sizeof report);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  ::close(exec_status_);
  exec_status_ = -1;
  if (n == static_cast<ssize_t>(sizeof report)) {
    // The child is about to exit; it never was the program that was asked for.
    close_sources();
    input_.close();
    fail(id_, static_cast<link::Stage>(report[0]), static_cast<int>(report[1]));
    return;
  }
  state_ = link::ProcessState::running;
  set_due(kSpawned);
}

void Process::on_exit(link::ExitKind kind, std::uint32_t status) {
  reaped_ = true;
  if (exec_status_ >= 0) on_exec_status();
  if (state_ != link::ProcessState::running) return;
  kind_ = static_cast<std::uint8_t>(kind);
  status_ = status;
  for (Source& source : sources_) {
    int waiting = 0;
    if (!source.open() || (!terminal_ && ::ioctl(source.fd, FIONREAD, &waiting) == 0 && waiting == 0)) {
      source.drained = true;
    } else {
      source.drain_left = terminal_ ? kTerminalBacklog : static_cast<std::uint32_t>(waiting);
      source.readable = true;
    }
  }
  settle_exit();
}

void Process::settle_exit() {
  if (!reaped_ || state_ != link::ProcessState::running) return;
  for (Source& source : sources_) {
    if (source.open() && !source.drained) return;
  }
  state_ = link::ProcessState::exited;
  exit_offset_ = output_.end();
  set_due(kExited);
}

bool Process::read_output() {
  if (state_ == link::ProcessState::failed) return false;
  bool more = false;
  for (Source& source : sources_) {
    if (!source.open() || !source.readable) continue;
    if (!output_.has_room()) return false;
    ssize_t n = output_.read_from(source.fd, source.stream);
    if (n > 0) {
      more = true;
      if (reaped_ && !source.drained) {
        auto got = static_cast<std::uint32_t>(n);
        source.drain_left -= got < source.drain_left ? got : source.drain_left;
        source.drained = source.drain_left == 0;
      }
    } else if (n < 0 && errno == EINTR) {
      more = true;
    } else if (n < 0 && errno == EAGAIN) {
      source.readable = false;
      source.drained = reaped_;
    } else {  // the end; of a terminal EIO
      ::close(source.fd);
      source.fd = -1;
      if (output_closed()) set_due(kEnd);
      if (terminal_) {
        input_.on_hangup();
        set_due(kStdinAck);
      }
    }
  }
  settle_exit();
  return more;
}

void Process::on_connected() {
  due_ = 0;
  if (state_ == link::ProcessState::starting || state_ == link::ProcessState::failed) return;
  if (state_ == link::ProcessState::exited) set_due(kExited);
  if (output_closed()) set_due(kEnd);
  set_due(kStdinAck);
}

link::ProcessRecord Process::record() {
  link::ProcessRecord r;
  r.id = id_;
  r.pid = static_cast<std::uint32_t>(pid_);
  r.state = state_;
  r.terminal = terminal_;
  if (state_ == link::ProcessState::exited || state_ == link::ProcessState::failed) {
    r.kind = kind_;
    r.status = status_;
  }
  if (state_ == link::ProcessState::failed) return r;
  r.stdin_open = input_.is_open();
  r.output_closed = output_closed();
  r.output_begin = output_.begin();
  r.output_end = output_.end();
  r.stdin_received = input_.received();
  r.stdin_consumed = input_.consumed();
  r.exit_offset = exit_offset_;
  return r;
}

void Process::answer_again() {
  if (state_ == link::ProcessState::failed) {
    set_due(kFailed);
  } else if (state_ != link::ProcessState::starting) {
    set_due(kSpawned);
    if (state_ == link::ProcessState::exited) set_due(kExited);
  }
}

}  // namespace brig::init
