// Pausing, going on, and winding down.
#include "core/log.hpp"
#include "core/text.hpp"
#include "net/to_the_end.hpp"
#include "session/manager_state.hpp"
#include "session/records.hpp"

namespace brig::session {
namespace {

Error cannot(const store::SessionRow& row, std::string_view what) {
  return {Code::conflict,
          "session " + quoted(row.name) + " cannot be " + std::string(what) + ": it is " + row.phase +
              "; only a running session can be paused, and only a paused one resumed",
          "session", false};
}

store::SessionChange from_to(State from, State to, std::string reason) {
  store::SessionChange change;
  change.only_from = to_string(from);
  change.phase = to_string(to);
  change.reason = std::move(reason);
  return change;
}

}  // namespace

// One at a time for each session, so that what the ledger says and what the engine does cannot pass each
// other.
class Manager::FreezeTurn {
 public:
  explicit FreezeTurn(std::shared_ptr<Live> live) : live_(std::move(live)) { live_->freezing = true; }
  FreezeTurn(FreezeTurn&& other) = default;
  FreezeTurn& operator=(FreezeTurn&&) = delete;
  ~FreezeTurn() {
    if (!live_) return;
    live_->freezing = false;
    live_->changed.notify_all();
  }

 private:
  std::shared_ptr<Live> live_;
};

net::Task<Manager::FreezeTurn> Manager::freeze_turn(std::shared_ptr<Live> live) {
  while (live->freezing) co_await live->changed.wait();
  co_return FreezeTurn(live);
}

// The ledger first: whatever dies in between, settle() makes the engine do what it says.
net::Task<Result<void>> Manager::freeze(std::shared_ptr<Live> live, bool paused, std::string reason) {
  auto id = live->row.id;
  auto before = paused ? State::running : State::paused;
  auto after = paused ? State::paused : State::running;
  auto change = from_to(before, after, std::move(reason));
  BRIG_CO_CHECK(co_await parts_.sessions.update(id, change));
  live->paused = paused;
  Result<void> done;
  if (paused) {
    done = co_await parts_.containers.pause(live->row.container_name);
  } else {
    done = co_await parts_.containers.unpause(live->row.container_name);
  }
  if (done || live->ending) co_return Result<void>();
  live->paused = !paused;
  auto undo = from_to(after, before, "");
  auto back = co_await parts_.sessions.update(id, undo);
  if (!back) log::warn("a pause is left to reconciling", {{"session", id.str()}, {"error", back.error()}});
  co_return done;
}

net::Task<Result<void>> Manager::freeze_hosted(SessionId id, bool paused) {
  auto gone = [&id] {
    return Error{Code::unavailable, "its sandbox " + id.str() + " does not run", kGone, true};
  };
  auto live = find_live(id);
  if (!live) co_return gone();
  auto turn = co_await freeze_turn(live);
  if (live->ending) co_return gone();
  if (live->paused == paused) co_return Result<void>();
  co_return co_await freeze(live, paused, paused ? "nobody uses it" : "");
}

net::Task<Result<void>> Manager::pause(SessionId id, bool paused) {
  auto work = freeze_hosted(std::move(id), paused);
  co_return co_await net::to_the_end(scope_, std::move(work));
}

net::Task<Result<View>> Manager::set_paused(Caller caller, std::string ref, bool paused) {
  BRIG_CO_TRY(auto row, co_await find_row(caller, ref, true));
  auto live = find_live(row.id);
  if (!live || live->ending || launching_.contains(row.id))
    co_return cannot(row, paused ? "paused" : "resumed");
  auto turn = co_await freeze_turn(live);
  if (live->paused != paused) {
    if (live->ending) co_return cannot(row, paused ? "paused" : "resumed");
    std::string reason = paused ? "paused by " + caller.owner : "";
    BRIG_CO_CHECK(co_await freeze(live, paused, reason));
  }
  BRIG_CO_TRY(auto after, co_await parts_.sessions.get(row.id));
  co_return co_await full_view(std::move(after));
}

net::Task<Result<View>> Manager::pause(Caller caller, std::string ref) {
  co_return co_await set_paused(std::move(caller), std::move(ref), true);
}

net::Task<Result<View>> Manager::resume(Caller caller, std::string ref) {
  co_return co_await set_paused(std::move(caller), std::move(ref), false);
}

net::Task<Result<void>> Manager::settle(SessionId id) {
  auto live = find_live(id);
  if (!live || live->ending) co_return Result<void>();
  auto turn = co_await freeze_turn(live);
  BRIG_CO_TRY(auto row, co_await parts_.sessions.get(id));
  auto state = state_of(row.phase);
  if (live->ending || (state != State::running && state != State::paused)) co_return Result<void>();
  live->paused = state == State::paused;
  if (live->paused) co_return co_await parts_.containers.pause(row.container_name);
  co_return co_await parts_.containers.unpause(row.container_name);
}

// SIGTERM to everything inside, SIGKILL after the grace. A paused one goes on for its grace, for frozen
// processes hear nothing; without a grace it is killed as it stands.
net::Task<Result<void>> Manager::wind_down(std::shared_ptr<Live> live, Millis grace, Outcome why) {
  live->stopping = why;
  if (grace > Millis(0)) {
    auto deadline = Deadline::in(grace);
    {
      auto turn = co_await freeze_turn(live);
      if (live->paused && !live->ending) {
        auto thawed = co_await freeze(live, false, "it goes on to end");
        if (!thawed) log::warn("cannot resume a session to stop it", {{"error", thawed.error()}});
      }
    }
    if (!live->ending && !live->sandbox->link().connected())
      (void)co_await live->sandbox->link().wait_connected(deadline);
    (void)live->sandbox->link().signal(1, 15, supervisor::Target::everything);
    while (!live->ended && !live->ending) {
      bool told = co_await live->changed.wait_until(deadline);
      if (!told) break;
    }
  }
  why.signal = 9;
  co_return co_await end(live, why);
}

}  // namespace brig::session
