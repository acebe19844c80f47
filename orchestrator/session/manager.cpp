#include "session/manager.hpp"

#include <algorithm>

#include "core/log.hpp"
#include "core/text.hpp"
#include "session/attachment.hpp"
#include "session/manager_state.hpp"
#include "session/records.hpp"
#include "session/tenancy.hpp"

namespace brig::session {
namespace {

constexpr Millis kConnectWithin{15'000};

Error no_session(const std::string& ref) {
  return {Code::not_found, "there is no session " + quoted(ref) + " of yours; `brig ps -a` lists them",
          "session", false};
}

void add_life(View& view, const store::LifeRow& life) {
  view.expires = life.expires;
  if (life.idle > Millis(0)) view.idle = life.idle;
}

}  // namespace

Error not_running(const store::SessionRow& row) {
  std::string remedy = row.phase == to_string(State::paused) ? "; `brig resume` lets it go on" : "";
  return {Code::conflict,
          "session " + quoted(row.name) + " is not running (it is " + row.phase + ")" + remedy, "session",
          false};
}

Manager::Manager(net::asio::any_io_executor executor, ManagerOptions options, Parts parts)
    : executor_(executor),
      options_(std::move(options)),
      parts_(parts),
      quotas_(options_.quotas, parts.clock, parts.metrics),
      holds_(executor),
      scope_(executor, "sessions") {}

Manager::~Manager() = default;

net::Task<void> Manager::close() {
  // What is being launched or ended comes to its end; it is bounded by the deadlines of its steps.
  parts_.volumes.close();
  co_await scope_.join();
  auto live = live_;
  co_await parts_.doors.close_all();
  for (auto& [id, session] : live) co_await session->sandbox->close();
  live_.clear();
}

Result<void> Manager::may_change(const Caller& caller) const {
  if (caller.role != Caller::Role::viewer) return {};
  return Error{Code::denied, "a viewer may look but not change anything; use a token of role 'user'",
               "session", false};
}

std::shared_ptr<Manager::Live> Manager::find_live(const SessionId& id) const {
  auto it = live_.find(id);
  return it == live_.end() ? nullptr : it->second;
}

net::Task<Result<store::SessionRow>> Manager::find_row(Caller caller, std::string ref, bool to_change) {
  if (to_change) BRIG_CO_CHECK(may_change(caller));
  BRIG_CO_TRY(auto row, co_await look_up(std::move(caller), std::move(ref)));
  auto purpose = to_change ? kept_for(row) : std::string();
  if (purpose.empty()) co_return row;
  co_return Error{Code::conflict,
                  "session " + quoted(row.name) + " is kept for the service " + quoted(purpose, 200) +
                      " and changes with it alone; see `brig service --help`",
                  "session", false};
}

// The owner's own names come first; an admin may also use another's name if it is the only one.
net::Task<Result<store::SessionRow>> Manager::look_up(Caller caller, std::string ref) {
  if (is_session_id(ref)) {
    auto row = co_await parts_.sessions.get(SessionId(ref));
    if (row && may_see(caller, row->owner, row->mesh)) co_return row;
    if (!row && row.error().code != Code::not_found) co_return row;
  }
  BRIG_CO_TRY(auto own, co_await parts_.sessions.named(caller.owner, ref));
  std::erase_if(own, [&](const store::SessionRow& row) { return !may_see(caller, row.owner, row.mesh); });
  // Who is confined to no mesh means the one that is in none either, if there is one.
  auto plain = std::find_if(own.begin(), own.end(), [](const auto& row) { return row.mesh.empty(); });
  if (plain != own.end()) co_return std::move(*plain);
  if (own.size() == 1) co_return std::move(own[0]);
  if (own.size() > 1) {
    co_return Error{
        Code::conflict,
        "you have a session " + quoted(ref) + " in several meshes; use its id, which `brig ps -a` shows",
        "session", false};
  }
  if (caller.role == Caller::Role::admin) {
    BRIG_CO_TRY(auto rows, co_await parts_.sessions.list());
    std::erase_if(rows, [&](const store::SessionRow& row) { return row.name != ref; });
    if (rows.size() == 1) co_return std::move(rows[0]);
    if (rows.size() > 1) {
      co_return Error{Code::conflict, "several owners have a session " + quoted(ref) + "; use its id",
                      "session", false};
    }
  }
  co_return no_session(ref);
}

void Manager::add_process(View& view, ProcessView process) const {
  if (auto live = find_live(view.id)) {
    if (auto known = live->sandbox->find(process.number)) {
      process.output_begin = known->output_begin();
      process.output_end = known->output_end();
    }
  }
  view.processes.push_back(std::move(process));
}

net::Task<Result<View>> Manager::full_view(store::SessionRow row) {
  BRIG_CO_TRY(auto view, view_of(row));
  BRIG_CO_TRY(auto life, co_await parts_.lives.get(row.id));
  if (life) add_life(view, *life);
  BRIG_CO_TRY(auto held, co_await parts_.doors.credentials(row.id));
  for (auto& one : held) view.credentials.push_back(std::move(one.rule));
  BRIG_CO_TRY(auto rows, co_await parts_.processes.list(row.id));
  for (const auto& process : rows) {
    BRIG_CO_TRY(auto process_view, view_of(process));
    add_process(view, std::move(process_view));
  }
  auto live = find_live(row.id);
  for (auto& process : view.processes) {
    if (live && live->sandbox->find(process.number)) continue;
    auto log = outlog::OutputLog::open(options_.paths.output(row.id, process.number), options_.output);
    if (!log) continue;
    process.output_begin = (*log)->begin();
    process.output_end = (*log)->end();
  }
  if (live && view.state == State::running && !live->sandbox->link().connected()) {
    view.reason = "waiting for its supervisor to connect";
  } else if (live && view.state == State::running) {
    if (auto full = said_if_full(row.id); !full.empty()) view.reason = std::move(full);
  }
  co_return view;
}

net::Task<Result<std::vector<View>>> Manager::list(Caller caller, ListFilter filter) {
  BRIG_CO_TRY(auto rows, co_await parts_.sessions.list());
  BRIG_CO_TRY(auto process_rows, co_await parts_.processes.list_all());
  BRIG_CO_TRY(auto lives, co_await parts_.lives.list());
  std::vector<View> views;
  for (const auto& row : rows) {
    if (!may_see(caller, row.owner, row.mesh)) continue;
    if (!filter.provider.empty() && row.provider != filter.provider) continue;
    if (!filter.owner.empty() && row.owner != filter.owner) continue;
    if (!filter.mesh.empty() && row.mesh != filter.mesh) continue;
    auto state = state_of(row.phase);
    if (filter.state ? state != *filter.state : (!filter.all && state == State::ended)) continue;
    BRIG_CO_TRY(auto view, view_of(row));
    bool matches = std::all_of(filter.labels.begin(), filter.labels.end(), [&](const auto& wanted) {
      auto it = view.labels.find(wanted.first);
      return it != view.labels.end() && it->second == wanted.second;
    });
    if (!matches) continue;
    if (view.state == State::running) {
      if (auto full = said_if_full(row.id); !full.empty()) view.reason = std::move(full);
    }
    for (const auto& life : lives) {
      if (life.session == row.id) add_life(view, life);
    }
    auto first = std::find_if(process_rows.begin(), process_rows.end(),
                              [&](const store::ProcessRow& p) { return p.session == row.id; });
    for (; first != process_rows.end() && first->session == row.id; ++first) {
      BRIG_CO_TRY(auto process_view, view_of(*first));
      add_process(view, std::move(process_view));
    }
    views.push_back(std::move(view));
  }
  co_return views;
}

net::Task<Result<View>> Manager::read_view(SessionId id) {
  BRIG_CO_TRY(auto row, co_await parts_.sessions.get(std::move(id)));
  co_return co_await full_view(std::move(row));
}

net::Task<Result<View>> Manager::get(Caller caller, std::string ref) {
  BRIG_CO_TRY(auto row, co_await find_row(caller, ref, false));
  co_return co_await full_view(std::move(row));
}

net::Task<Result<View>> Manager::stop(Caller caller, std::string ref, Millis grace) {
  BRIG_CO_TRY(auto row, co_await find_row(caller, ref, true));
  auto id = row.id;
  if (auto live = find_live(id)) {
    Outcome stopped{Outcome::Kind::stopped, 0, 0, "stopped by " + caller.owner};
    BRIG_CO_CHECK(co_await wind_down(live, grace, stopped));
  } else if (row.phase == to_string(State::ending) || row.phase == to_string(State::running) ||
             row.phase == to_string(State::paused)) {
    BRIG_CO_CHECK(co_await conclude(id));
  } else if (state_of(row.phase) != State::ended) {
    co_return not_running(row);
  }
  auto after = co_await parts_.sessions.get(id);
  if (!after && row.remove_when_ended) {
    // It was to be removed as soon as it ended, and it was: show it as it was last.
    row.phase = to_string(State::ended);
    co_return view_of(row);
  }
  BRIG_CO_CHECK(after);
  co_return co_await full_view(std::move(*after));
}

net::Task<Result<void>> Manager::remove(Caller caller, std::string ref, bool force) {
  BRIG_CO_TRY(auto row, co_await find_row(caller, ref, true));
  auto id = row.id;
  co_await holds_.until_free(id);
  BRIG_CO_TRY(Hold hold, Hold::take(holds_, id, row.name, "being removed"));
  if (launching_.contains(id)) {
    co_return Error{Code::conflict, "session " + quoted(row.name) + " is only being started; try again",
                    "session", true};
  }
  if (auto live = find_live(id)) {
    // One that is ending has ended, as far as its owner can see.
    if (!force && !live->ending) {
      co_return Error{Code::conflict,
                      "session " + quoted(row.name) + " is running; stop it first, or remove it with --force",
                      "session", false};
    }
    Outcome removed{Outcome::Kind::stopped, 0, 9, "removed by " + caller.owner};
    live->stopping = removed;
    BRIG_CO_CHECK(co_await end(live, removed));
  }
  store::SessionChange change;
  change.phase = std::string(kRemoving);
  auto marked = co_await parts_.sessions.update(id, change);
  if (!marked && marked.error().code == Code::not_found) co_return Result<void>();  // --rm was faster
  BRIG_CO_CHECK(marked);
  co_return co_await forget(id);
}

net::Task<Result<std::unique_ptr<Attachment>>> Manager::attach(Caller caller, std::string ref,
                                                               AttachSpec spec) {
  BRIG_CO_TRY(auto row, co_await find_row(caller, ref, spec.write || spec.watch || spec.pace));
  spec.who = caller.owner;
  auto no_process = [&] {
    return Error{Code::not_found,
                 "session " + quoted(row.name) + " has no process " + std::to_string(spec.process), "session",
                 false};
  };
  if (auto live = find_live(row.id)) {
    auto process = live->sandbox->find(spec.process);
    if (!process) co_return no_process();
    if (spec.write && !process->outcome() && !live->sandbox->link().connected()) {
      if (live->paused) co_return not_running(row);
      // Where input goes on is known only once the supervisor is back.
      BRIG_CO_CHECK(co_await live->sandbox->link().wait_connected(Deadline::in(kConnectWithin)));
    }
    std::shared_ptr<void> presence;  // who only fetches what is there does not look on
    if (spec.follow) {
      ++live->attached;
      auto left = [live](void*) { --live->attached; };
      presence = std::shared_ptr<void>(live.get(), left);
    }
    co_return attach_to(process, live->sandbox, spec, std::move(presence));
  }
  if (state_of(row.phase) != State::ended) {
    co_return Error{Code::unavailable,
                    "session " + quoted(row.name) + " is not being looked after yet; try again shortly",
                    "session", true};
  }
  BRIG_CO_TRY(auto rows, co_await parts_.processes.list(row.id));
  auto it = std::find_if(rows.begin(), rows.end(), [&](const auto& p) { return p.number == spec.process; });
  if (it == rows.end()) co_return no_process();
  BRIG_CO_TRY(auto past, view_of(*it));
  BRIG_CO_TRY(auto log, outlog::OutputLog::open(options_.paths.output(row.id, it->number), options_.output));
  Process::About about{it->number, past.argv, it->cwd, past.terminal, it->stdin_open, past.started};
  auto process = std::make_shared<Process>(executor_, std::move(about), std::move(log));
  if (past.outcome) {
    process->end(*past.outcome, past.ended.value_or(past.started));
  } else {
    process->end(Outcome{Outcome::Kind::lost, 0, 0, row.reason}, row.created);
  }
  co_return attach_to(process, {}, spec);
}

net::Task<Result<void>> Manager::signal(Caller caller, std::string ref, std::uint32_t process, int number) {
  BRIG_CO_TRY(auto row, co_await find_row(caller, ref, true));
  auto live = find_live(row.id);
  if (!live || live->paused) co_return not_running(row);
  auto found = live->sandbox->find(process);
  if (!found || found->outcome()) {
    co_return Error{Code::conflict, "process " + std::to_string(process) + " is not running", "session",
                    false};
  }
  co_return live->sandbox->link().signal(process, number, supervisor::Target::group);
}

void Manager::process_exited(const SessionId& id, std::uint32_t number, supervisor::Exit exit) {
  auto live = find_live(id);
  if (!live) return;
  if (number == 1) {
    scope_.spawn(main_exited(live, exit));
  } else {
    scope_.spawn(other_exited(live, number, exit));
  }
}

void Manager::process_never_ran(const SessionId& id, std::uint32_t number) {
  auto live = find_live(id);
  if (!live || number == 1) return;  // the first one ran: the session's phase says so
  Outcome outcome{Outcome::Kind::spawn_failed, 125, 0, "brigd ended before it could be started"};
  scope_.spawn(other_ended(live, number, outcome));
}

void Manager::link_changed(const SessionId& id, bool) {
  if (auto live = find_live(id)) live->changed.notify_all();
}

}  // namespace brig::session
