// Another process in a running sandbox.
#include "session/manager_state.hpp"
#include "session/records.hpp"

namespace brig::session {
namespace {

constexpr Millis kSpawnWithin{15'000};

}  // namespace

net::Task<Result<ProcessView>> Manager::exec(Caller caller, std::string ref, ProcessSpec spec) {
  BRIG_CO_TRY(auto row, co_await find_row(caller, ref, true));
  auto live = find_live(row.id);
  if (!live || live->ending || live->paused || launching_.contains(row.id)) co_return not_running(row);
  for (const auto& variable : spec.env) BRIG_CO_CHECK(check_env_name("environment variable", variable.name));
  if (spec.argv.empty()) {
    co_return Error{Code::invalid, "argv is empty; name the program to run", "session", false};
  }
  auto exec = std::make_shared<Exec>(executor_, live, std::move(spec));
  scope_.spawn(run_exec(exec));
  auto kill = [exec] {
    exec->abandoned = true;
    auto& sandbox = *exec->live->sandbox;
    if (exec->result && exec->result->ok())
      (void)sandbox.link().signal(exec->number, 9, supervisor::Target::group);
  };
  Claim claim{kill};
  while (!exec->result) co_await exec->changed.wait();
  claim.taken = true;
  co_return std::move(*exec->result);
}

net::Task<void> Manager::run_exec(std::shared_ptr<Exec> exec) {
  auto result = co_await exec_steps(exec);
  if (exec->abandoned && result) {
    (void)exec->live->sandbox->link().signal(exec->number, 9, supervisor::Target::group);
  }
  exec->result = std::move(result);
  exec->changed.notify_all();
}

net::Task<Result<ProcessView>> Manager::exec_steps(std::shared_ptr<Exec> exec) {
  auto live = exec->live;
  auto id = live->row.id;
  auto& spec = exec->spec;
  auto number = live->sandbox->next_number();
  exec->number = number;
  bool terminal = spec.terminal.has_value();
  Process::About about{number, spec.argv, spec.cwd, terminal, spec.stdin_open, parts_.clock.wall()};
  BRIG_CO_TRY(auto process, live->sandbox->add(about, false));
  store::ProcessRow row{
      id, number, strings_to_json(about.argv), about.cwd, terminal, about.stdin_open, about.started, {}, {}};
  auto recorded = co_await parts_.processes.put(row);
  if (!recorded) {
    live->sandbox->drop(number);
    co_return std::move(recorded).error();
  }
  BRIG_CO_TRY(auto provider_env, labels_from_json(live->row.provider_env));
  spec.env = environment(provider_env, std::move(spec.env), id, terminal);
  auto spawned = co_await live->sandbox->spawn(number, std::move(spec), Deadline::in(kSpawnWithin));
  if (spawned && spawned->started) {
    tell_process(live->row, "process.started", process->view());
    co_return process->view();
  }

  supervisor::ProcessSpec said;
  said.argv = about.argv;
  said.cwd = about.cwd;
  Error error = spawned ? Error{spawned->exit_code() == 127 ? Code::not_found : Code::invalid,
                                spawned->message(said), "spawn", false}
                        : spawned.error();
  Outcome outcome{Outcome::Kind::spawn_failed, spawned ? spawned->exit_code() : 125, 0, error.message};
  auto now = parts_.clock.wall();
  (void)co_await parts_.processes.set_ended(id, number, now, outcome_to_json(outcome));
  process->end(outcome, now);
  co_return error;
}

}  // namespace brig::session
