// Ends what has outlived its time, or has had nothing to do for too long.
//
// At work is a session while somebody is attached to it, a port inside is reached through us, bytes go in or
// come out (also by its way out), or its processes use more than a hundredth of a CPU. A process that only
// waits does not keep it, nor does one that is frozen: while it is paused, the idle time stands still and the
// time to live runs on. What was seen is kept in the ledger, so that a restart of ours neither gives nor
// takes time.
#include "core/log.hpp"
#include "core/units.hpp"
#include "session/manager_state.hpp"

namespace brig::session {
namespace {

constexpr Millis kTick{1'000};
constexpr Millis kLookAtMost{15'000};  // between two looks at one session
constexpr Millis kStatsWithin{5'000};
constexpr Millis kGrace{10'000};

// More than one percent of a CPU since the last look.
bool at_work(std::uint64_t used_ms, Millis elapsed) {
  return used_ms * 100 > static_cast<std::uint64_t>(std::max<Millis::rep>(elapsed.count(), 1));
}

}  // namespace

void Manager::touch(const SessionId& id) {
  if (auto live = find_live(id); live && live->life) live->life->active = parts_.clock.wall();
}

std::uint64_t Manager::traffic(const Live& live) const {
  std::uint64_t bytes = 0;
  for (const auto& [number, process] : live.sandbox->processes())
    bytes += process->output_end() + process->stdin_consumed();
  return bytes;
}

// What was in the ledger of it, when it is taken over; the first look compares with that.
net::Task<void> Manager::take_up_life(std::shared_ptr<Live> live) {
  auto life = co_await parts_.lives.get(live->row.id);
  if (!life) {
    log::error("cannot read how long a session may live", {{"error", life.error()}});
    co_return;
  }
  live->life = *life;
  if (live->life) {
    // Being started is no idling.
    live->life->active = std::max(live->life->active, live->row.started.value_or(live->row.created));
    live->looked_at = live->life->active;
  }
  live->traffic = traffic(*live);
}

net::Task<void> Manager::look_at(std::shared_ptr<Live> live) {
  auto stats = co_await live->sandbox->link().stats(Deadline::in(kStatsWithin));
  live->looking = false;
  // Without word from inside nobody knows whether it is idle: it is not ended for that.
  if (!stats || live->ending || live->paused || !live->life) co_return;
  auto& life = *live->life;
  auto now = parts_.clock.wall();
  auto bytes = traffic(*live);
  if (auto door = co_await parts_.doors.show(live->row.id))
    bytes += door->counts.sent + door->counts.received;
  bool busy = live->attached > 0 || stats->channels > 0 || bytes != live->traffic;
  busy |= stats->cpu_ms > life.cpu_ms && at_work(stats->cpu_ms - life.cpu_ms, now - live->looked_at);
  live->traffic = bytes;
  live->looked_at = now;
  bool cpu_moved = std::exchange(life.cpu_ms, std::uint64_t{stats->cpu_ms}) != stats->cpu_ms;
  if (busy) life.active = now;
  if (busy || cpu_moved) {
    auto kept = co_await parts_.lives.put(life);
    if (!kept && kept.error().code != Code::invalid)
      log::warn("cannot keep when a session was at work",
                {{"session", live->row.id.str()}, {"error", kept.error()}});
  }
  if (now - life.active < life.idle || live->ending || live->paused) co_return;
  Outcome idle{Outcome::Kind::expired, 0, 0, "nothing was done in it for " + format_duration(life.idle)};
  auto done = co_await wind_down(live, kGrace, idle);
  if (!done) log::warn("ending an idle session is left to reconciling", {{"error", done.error()}});
}

net::Task<void> Manager::expire(std::shared_ptr<Live> live) {
  bool asked = is_one_shot(live->row);  // then there is nothing it could bring in order
  Outcome expired{Outcome::Kind::expired, 0, 0,
                  asked ? "it did not answer within its time limit" : "its time to live was over"};
  auto done = co_await wind_down(live, asked ? Millis(0) : kGrace, expired);
  if (!done) log::warn("ending a session is left to reconciling", {{"error", done.error()}});
}

net::Task<void> Manager::keep() {
  while (true) {
    co_await net::sleep_for(kTick);
    auto now = parts_.clock.wall();
    for (auto& [id, live] : live_) {
      if (!live->life || live->ending || live->stopping || launching_.contains(id)) continue;
      const auto& life = *live->life;
      if (life.expires && *life.expires <= now) {
        live->stopping = Outcome{Outcome::Kind::expired, 0, 0, ""};
        scope_.spawn(expire(live));
        continue;
      }
      auto every = std::clamp(life.idle / 4, kTick, kLookAtMost);
      if (life.idle == Millis(0) || live->looking || live->paused || now - live->looked_at < every) continue;
      live->looking = true;
      scope_.spawn(look_at(live));
    }
  }
}

}  // namespace brig::session
