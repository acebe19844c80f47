// The end: SIGTERM to all, SIGKILL to what is left, the last reports to brigd, exit.
#include <signal.h>

#include "init/supervisor.hpp"

namespace brig::init {
namespace {

constexpr std::uint64_t kKillAgainMs = 50;
constexpr std::uint64_t kKillingMs = 5000;
constexpr std::uint64_t kReportingMs = 5000;

}  // namespace

void Supervisor::signal_everything(int number) {
  if (system::is_first_process()) {
    system::send_signal(0, link::Target::everything, number);
    return;
  }
  for (Process& process : processes_) {
    if (!process.free() && process.pid() > 1)
      system::send_signal(process.pid(), link::Target::session, number);
  }
}

void Supervisor::begin_shutdown(std::uint64_t grace_ms) {
  std::uint64_t until = system::now_ms() + grace_ms;
  if (phase_ == Phase::terminating && until < phase_until_) phase_until_ = until;
  if (phase_ != Phase::running) return;
  phase_ = Phase::terminating;
  phase_until_ = until;
  signal_everything(SIGTERM);
  // Interactive shells heed no SIGTERM; a terminal that goes away says SIGHUP.
  for (Process& process : processes_) {
    if (!process.free() && process.terminal() && process.alive()) {
      system::send_signal(process.pid(), link::Target::group, SIGHUP);
    }
  }
  signal_everything(SIGCONT);
  children_changed_ = true;
  busy_ = true;
}

bool Supervisor::any_alive() const {
  for (const Process& process : processes_) {
    if (!process.free() && process.alive()) return true;
  }
  return false;
}

bool Supervisor::all_reported() {
  if (!welcomed_ || !link_.idle()) return false;
  for (Process& process : processes_) {
    if (process.free() || process.state() == link::ProcessState::failed) continue;
    if (process.due() != 0 || process.output().size() > 0 || process.state() != link::ProcessState::exited) {
      return false;
    }
  }
  return true;
}

bool Supervisor::step_shutdown() {
  if (phase_ == Phase::running) return true;
  std::uint64_t now = system::now_ms();
  if (phase_ != Phase::reporting) {
    // The way out stays open while processes still have something to say, and no longer.
    if (egress_ > 0 && !any_alive()) system::send_signal(egress_, link::Target::process, SIGKILL);
    reap();
    if (!children_left_) {
      phase_ = Phase::reporting;
      phase_until_ = now + kReportingMs;
      busy_ = true;
    }
  }
  if (phase_ == Phase::terminating && now >= phase_until_) {
    phase_ = Phase::killing;
    phase_until_ = now + kKillingMs;
    next_kill_ = now;
  }
  if (phase_ == Phase::killing && now >= next_kill_) {
    // Again and again: what is forked while the signal goes round escapes it.
    signal_everything(SIGKILL);
    next_kill_ = now + kKillAgainMs;
  }
  if (phase_ == Phase::killing && now >= phase_until_) {
    phase_ = Phase::reporting;
    phase_until_ = now + kReportingMs;
  }
  if (phase_ != Phase::reporting) return true;
  if (now >= phase_until_) return false;
  if (bye_queued_) return !link_.idle();
  if (all_reported()) {
    link_.put({.type = link::Type::bye});
    bye_queued_ = true;
    busy_ = true;
  }
  return true;
}

}  // namespace brig::init
