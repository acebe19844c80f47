// From the end of the main process, a stop, or a loss, to rest.
#include <nlohmann/json.hpp>

#include "core/log.hpp"
#include "core/text.hpp"
#include "core/units.hpp"
#include "policy/request.hpp"
#include "session/limits_hit.hpp"
#include "session/manager_state.hpp"
#include "session/records.hpp"
#include "volume/overlay.hpp"

namespace brig::session {
namespace {

Outcome outcome_of(supervisor::Exit exit) {
  Outcome outcome;
  if (exit.kind == supervisor::ExitKind::signaled) {
    outcome.kind = Outcome::Kind::signaled;
    outcome.signal = exit.value;
  } else {
    outcome.code = exit.value;
  }
  return outcome;
}

// A sentence for whoever asks why.
std::string limit_sentence(const LimitsHit& hit, const std::string& full) {
  std::vector<std::string> said;
  if (hit.memory) said.push_back("the kernel killed a process inside at the memory limit of its policy");
  if (hit.pids) said.push_back("processes were refused inside at the limit of its policy on their number");
  if (hit.disk) said.push_back(full.empty() ? "its disk was full to the limit of its policy" : full);
  return join(said, "; ");
}

}  // namespace

std::filesystem::path Manager::limited_disk(const Live& live) const {
  auto text = nlohmann::json::parse(live.row.policy_json, nullptr, false);
  auto policy = policy::parse_request(text);
  bool limited = policy && policy->limits.disk.value_or(0) > 0;
  return limited ? options_.paths.workspace(live.row.id) : std::filesystem::path();
}

net::Task<void> Manager::main_exited(std::shared_ptr<Live> live, supervisor::Exit exit) {
  auto outcome = outcome_of(exit);
  auto look = [pid = *live->supervisor_pid, disk = limited_disk(*live)] { return limits_hit(pid, disk); };
  auto hit = co_await parts_.blocking.run(look);
  outcome.limits = hit.names();
  bool killed = outcome.kind == Outcome::Kind::signaled && outcome.signal == 9;
  if (killed && hit.memory) {
    outcome.kind = Outcome::Kind::out_of_memory;
    outcome.detail = "the kernel killed it at the memory limit of its policy";
  } else if (live->stopping) {
    outcome.kind = live->stopping->kind;
    outcome.detail = live->stopping->detail;
  } else if (outcome.kind != Outcome::Kind::exited || outcome.code != 0) {
    outcome.detail = limit_sentence(hit, said_if_full(live->row.id));
  }
  auto done = co_await end(live, outcome);
  if (!done)
    log::warn("ending a session is left to reconciling",
              {{"session", live->row.id.str()}, {"error", done.error()}});
}

net::Task<void> Manager::other_exited(std::shared_ptr<Live> live, std::uint32_t number,
                                      supervisor::Exit exit) {
  co_await other_ended(live, number, outcome_of(exit));
  if (!live->ending) (void)live->sandbox->link().forget(number);
}

net::Task<void> Manager::other_ended(std::shared_ptr<Live> live, std::uint32_t number, Outcome outcome) {
  auto process = live->sandbox->find(number);
  if (!process || process->outcome()) co_return;
  auto now = parts_.clock.wall();
  auto stored = co_await parts_.processes.set_ended(live->row.id, number, now, outcome_to_json(outcome));
  if (!stored)
    log::error("an exit could not be recorded", {{"session", live->row.id.str()}, {"error", stored.error()}});
  process->end(outcome, now);
  tell_process(live->row, "process.ended", process->view());
}

// "" while there is room.
std::string Manager::said_if_full(const SessionId& id) const {
  auto space = workspace::space_of(options_.paths.session(id));
  if (!space || !space->full()) return "";
  if (space->free_files == 0 && space->free_bytes > 0)
    return "its workspace holds as many files as fit in the disk limit of its policy";
  return "the disk limit of " + format_size(space->bytes) +
         " is reached: what is in its workspace leaves no room";
}

// Records how it ended, then tells who is attached, then takes the sandbox apart.
net::Task<Result<void>> Manager::end(std::shared_ptr<Live> live, Outcome outcome) {
  auto id = live->row.id;
  if (std::exchange(live->ending, true)) {
    while (!live->ended) co_await live->changed.wait();
    co_return Result<void>();
  }
  live->changed.notify_all();
  co_await holds_.until_not_copying(id);

  if (outcome.detail.empty()) outcome.detail = said_if_full(id);
  auto result = co_await record_outcome(id, outcome);
  if (result) result = co_await end_processes(id, outcome, live);
  if (result) result = co_await tear_down(id, live->row.container_name);
  if (result && !live->engine_knows) co_await kill_strays(*live->container);

  // Also after a failure it is not ours to look after any more: the ledger says `ending`, reconciling goes
  // on.
  co_await parts_.doors.close(id);
  co_await live->sandbox->close();
  live_.erase(id);
  live->ended = true;
  live->changed.notify_all();
  if (result && live->row.remove_when_ended && !live->again && !is_asked(id)) result = co_await forget(id);
  co_return result;
}

net::Task<Result<void>> Manager::record_outcome(SessionId id, const Outcome& outcome) {
  store::SessionChange change;
  change.phase = to_string(State::ending);
  change.outcome_json = outcome_to_json(outcome);
  if (!outcome.detail.empty()) change.reason = outcome.detail;
  auto kind = std::string(to_string(outcome.kind));
  BRIG_CO_CHECK(co_await parts_.sessions.update(id, change));
  parts_.metrics
      .counter("brig_session_outcomes_total", "How sessions ended, by kind of outcome.", {{"kind", kind}})
      .add();
  co_return Result<void>();
}

void Manager::tell_process(const store::SessionRow& row, std::string kind, const ProcessView& process) {
  nlohmann::json detail{{"number", process.number}, {"argv", nlohmann::json::array()}};
  std::size_t room = 1024;  // a command can be longer than any event
  for (const auto& argument : process.argv) {
    if (argument.size() > room) {
      detail["argv"].push_back("…");
      break;
    }
    room -= argument.size();
    detail["argv"].push_back(printable(argument, argument.size() * 4 + 4));
  }
  if (process.outcome) {
    detail["outcome"] = {{"kind", to_string(process.outcome->kind)},
                         {"exit_code", process.outcome->exit_code()}};
  }
  parts_.events.add({std::move(kind), row.id, row.owner, row.mesh, detail.dump()});
}

net::Task<Result<void>> Manager::end_processes(SessionId id, Outcome outcome, std::shared_ptr<Live> live) {
  auto now = parts_.clock.wall();
  BRIG_CO_TRY(auto rows, co_await parts_.processes.list(id));
  for (const auto& row : rows) {
    if (row.outcome_json) continue;
    auto own = outcome;
    if (row.number != 1 && outcome.kind != Outcome::Kind::lost) {
      own = Outcome{Outcome::Kind::signaled, 0, 9, "the session ended"};
    }
    BRIG_CO_CHECK(co_await parts_.processes.set_ended(id, row.number, now, outcome_to_json(own)));
    if (!live) continue;
    if (auto process = live->sandbox->find(row.number)) process->end(own, now);
  }
  co_return Result<void>();
}

net::Task<Result<void>> Manager::tear_down(SessionId id, std::string container_name) {
  BRIG_CO_CHECK(co_await parts_.containers.remove(container_name, id));
  auto unmount = [path = options_.paths.session(id)] { return workspace::unmount(path); };
  BRIG_CO_CHECK(co_await parts_.blocking.run(unmount));
  BRIG_CO_CHECK(co_await release(id));
  store::SessionChange change;
  change.phase = to_string(State::ended);
  change.container_id = "";
  change.ended = parts_.clock.wall();
  co_return co_await parts_.sessions.update(id, change);
}

// A session runs, and is acknowledged, as soon as its supervisor has answered; until the engine's own start
// has come to its end, it lists the container as one that was never started. When asked for that one alone it
// answers once it knows.
net::Task<Result<void>> Manager::look_for(SessionId id) {
  if (launching_.contains(id)) co_return Result<void>();
  BRIG_CO_TRY(auto row, co_await parts_.sessions.get(id));
  auto state = state_of(row.phase);
  bool runs = state == State::running || state == State::paused;
  auto seen = co_await parts_.containers.inspect(row.container_name);
  if (!runs || !seen || seen->session != id || !seen->running) co_return co_await conclude(id);
  if (is_live(id)) co_return Result<void>();
  auto container = seen->id;
  co_return co_await adopt(id, container);
}

// An engine that is killed while it starts a container takes it, when it is back, for one that never ran, and
// removes it without a look at its processes.
net::Task<void> Manager::kill_strays(ContainerId container) {
  auto kill = [container]() -> Result<void> {
    supervisor::kill_all_of(container);
    return {};
  };
  (void)co_await parts_.blocking.run(kill);
}

net::Task<Result<void>> Manager::conclude(SessionId id) {
  if (launching_.contains(id)) co_return Result<void>();
  BRIG_CO_TRY(auto row, co_await parts_.sessions.get(id));
  auto state = state_of(row.phase);
  if (row.phase == kRemoving || state == State::ended) co_return Result<void>();

  Outcome outcome{Outcome::Kind::lost, 0, 0, "its container ended outside of Brig's control"};
  if (state == State::preparing || state == State::starting) {
    outcome.detail = "brigd went away while the session was being restored";
  }
  auto seen = co_await parts_.containers.inspect(row.container_name);
  if (seen && seen->session == id) {
    if (seen->out_of_memory) {
      outcome = {Outcome::Kind::out_of_memory, 0, 9,
                 "the kernel killed it at the memory limit of its policy"};
    }
  } else if (!seen && seen.error().code != Code::not_found) {
    co_return std::move(seen).error();
  }
  if (row.container_id) co_await kill_strays(ContainerId(*row.container_id));
  if (auto live = find_live(id)) co_return co_await end(live, outcome);

  if (row.outcome_json) {
    BRIG_CO_TRY(outcome, outcome_from_json(*row.outcome_json));
  } else {
    BRIG_CO_CHECK(co_await record_outcome(id, outcome));
  }
  BRIG_CO_CHECK(co_await end_processes(id, outcome, nullptr));
  BRIG_CO_CHECK(co_await tear_down(id, row.container_name));
  if (row.remove_when_ended && !is_asked(id)) co_return co_await forget(id);
  co_return Result<void>();
}

net::Task<Result<void>> Manager::sweep(SessionId id) {
  if (is_live(id) || launching_.contains(id)) co_return Result<void>();
  BRIG_CO_TRY(auto row, co_await parts_.sessions.get(id));
  BRIG_CO_CHECK(co_await parts_.containers.remove(row.container_name, id));
  auto unmount = [path = options_.paths.session(id)] { return workspace::unmount(path); };
  co_return co_await parts_.blocking.run(unmount);
}

net::Task<Result<void>> Manager::forget(SessionId id) {
  auto row = co_await parts_.sessions.get(id);
  if (!row && row.error().code != Code::not_found) co_return std::move(row).error();
  bool has_checkpoints = false;
  if (row) {
    // Of one that has ended there is none.
    if (row->container_id) co_await kill_strays(ContainerId(*row->container_id));
    BRIG_CO_CHECK(co_await parts_.containers.remove(row->container_name, id));
    BRIG_CO_TRY(auto checkpoints, co_await parts_.checkpoints.list(id));
    has_checkpoints = !checkpoints.empty();
  }
  BRIG_CO_CHECK(co_await release(id));
  BRIG_CO_CHECK(co_await drop_remains(id));
  // Its own is nobody else's; frozen ones may be.
  if (row) BRIG_CO_CHECK(co_await drop_layer(row->layer));
  BRIG_CO_CHECK(co_await parts_.sessions.remove(id));
  if (row && (!row->frozen.empty() || has_checkpoints || row->skills_json != "{}"))
    co_return co_await drop_stray_layers();
  co_return Result<void>();
}

net::Task<Result<void>> Manager::drop_remains(SessionId id) {
  auto drop = [path = options_.paths.session(id)]() -> Result<void> {
    BRIG_CHECK(workspace::unmount(path));
    BRIG_CHECK(volume::remove_views(path / "config"));
    return workspace::destroy(path);
  };
  co_return co_await parts_.blocking.run(drop);
}

net::Task<Result<void>> Manager::drop_layer(LayerId id) {
  auto drop = [path = options_.paths.layer(id)] { return workspace::destroy(path); };
  co_return co_await parts_.blocking.run(drop);
}

net::Task<Result<void>> Manager::adopt(SessionId id, ContainerId container) {
  if (is_live(id) || launching_.contains(id)) co_return Result<void>();
  BRIG_CO_TRY(auto row, co_await parts_.sessions.get(id));
  if (is_one_shot(row)) {
    Outcome unheard{Outcome::Kind::stopped, 0, 9, "brigd was restarted, so nobody waits for its answer"};
    BRIG_CO_CHECK(co_await record_outcome(id, unheard));
    co_return co_await conclude(id);
  }
  BRIG_CO_TRY(auto rows, co_await parts_.processes.list(id));
  auto live = make_live(row);
  *live->container = container;
  live->engine_knows = true;
  for (const auto& process : rows) {
    BRIG_CO_TRY(auto argv, strings_from_json(process.argv_json));
    Process::About about{process.number, std::move(argv),    process.cwd,
                         process.tty,    process.stdin_open, process.started};
    auto added = live->sandbox->add(std::move(about), true);
    if (!added) {
      live_.erase(id);
      co_return std::move(added).error();
    }
    if (process.outcome_json) {
      auto outcome = outcome_from_json(*process.outcome_json);
      if (outcome) (*added)->end(*outcome, process.ended.value_or(process.started));
    }
  }
  co_await take_up_life(live);
  live->paused = state_of(row.phase) == State::paused;
  auto started = live->sandbox->start();
  if (!started) {
    live_.erase(id);
    co_return started;
  }
  // A pause that was cut short by our end is made whole.
  auto settled = co_await settle(id);
  // Without a way out it runs on all the same; the next look tries again.
  auto reopened = co_await parts_.doors.reopen(door_of(*live));
  co_return reopened ? settled : reopened;
}

}  // namespace brig::session
