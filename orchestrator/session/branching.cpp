// Sessions that go on from where one was: the same one again, or another.
#include <sys/stat.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/files.hpp"
#include "core/log.hpp"
#include "core/random.hpp"
#include "core/text.hpp"
#include "net/to_the_end.hpp"
#include "session/manager_state.hpp"
#include "session/records.hpp"

namespace brig::session {
namespace {

constexpr std::size_t kMaxKnown = 64u << 20;

}  // namespace

Result<policy::Request> Manager::stored_policy(const store::SessionRow& row) const {
  auto json = nlohmann::json::parse(row.policy_json, nullptr, false);
  if (!json.is_discarded()) {
    auto request = policy::parse_request(json);
    if (request) return request;
  }
  return Error{Code::corrupt,
               "the ledger holds a policy of session " + quoted(row.name) + " that cannot be read", "session",
               false};
}

// What was asked for when the session began, but for its environment, which is not kept.
net::Task<Result<Manager::Origin>> Manager::origin_of(store::SessionRow row, std::vector<EnvVar> env) {
  if (is_one_shot(row)) {
    co_return Error{Code::conflict,
                    quoted(row.name) + " answers a single question; nothing can go on from it", "session",
                    false};
  }
  Origin origin;
  BRIG_CO_TRY(origin.spec.request, stored_policy(row));
  BRIG_CO_TRY(origin.spec.labels, labels_from_json(row.labels_json));
  BRIG_CO_TRY(auto processes, co_await parts_.processes.list(row.id));
  auto main = std::find_if(processes.begin(), processes.end(), [](const auto& p) { return p.number == 1; });
  if (main == processes.end()) {
    co_return Error{Code::corrupt, "the ledger does not say what session " + quoted(row.name) + " ran",
                    "session", false};
  }
  BRIG_CO_TRY(origin.argv, strings_from_json(main->argv_json));
  if (main->tty) origin.spec.terminal = TerminalSize{};
  origin.spec.stdin_open = main->stdin_open;
  origin.spec.provider = row.provider;
  origin.spec.profile = row.profile;
  origin.spec.project = row.project;
  origin.spec.identity = row.identity_id;
  BRIG_CO_TRY(origin.spec.volumes, mounts_from_json(row.volumes_json));
  BRIG_CO_TRY(auto provider, parts_.images.provider(row.provider));
  if (provider.image != row.image_tag) origin.spec.image = row.image_tag;
  BRIG_CO_TRY(auto life, co_await parts_.lives.get(row.id));
  if (life && life->expires) {
    origin.spec.ttl = std::chrono::duration_cast<Millis>(*life->expires - row.started.value_or(row.created));
  }
  if (life && life->idle > Millis(0)) origin.spec.idle = life->idle;
  BRIG_CO_TRY(auto held, co_await parts_.doors.credentials(row.id));
  for (auto& one : held) origin.spec.credentials.push_back(std::move(one.rule));
  origin.spec.env = std::move(env);
  co_return origin;
}

net::Task<Result<View>> Manager::restore(Caller caller, std::string ref, RestoreSpec spec) {
  for (const auto& variable : spec.env) BRIG_CO_CHECK(check_env_name("environment variable", variable.name));
  auto work = restore_steps(std::move(caller), std::move(ref), std::move(spec));
  co_return co_await to_the_end(scope_, std::move(work));
}

net::Task<Result<View>> Manager::restore_steps(Caller caller, std::string ref, RestoreSpec spec) {
  BRIG_CO_TRY(auto row, co_await find_row(caller, ref, true));
  auto id = row.id;
  BRIG_CO_TRY(Hold hold, Hold::take(holds_, id, row.name, "being restored"));
  BRIG_CO_TRY(row, co_await settled(id));
  BRIG_CO_CHECK(check_has_layers(row));
  BRIG_CO_TRY(auto checkpoint, co_await parts_.checkpoints.get(id, spec.checkpoint));

  // Whatever may be refused is refused before anything is taken away.
  BRIG_CO_TRY(auto origin, co_await origin_of(row, std::move(spec.env)));
  origin.again = row;
  auto asked = std::move(origin.spec);
  BRIG_CO_TRY(auto prepared, co_await prepare(caller, std::move(asked), &origin));
  BRIG_CO_CHECK(lend_skills(caller, prepared, &row));
  prepared.row.layer = LayerId(random_hex(8));
  prepared.row.frozen = checkpoint.layers;

  if (auto live = find_live(id)) {
    live->again = true;
    Outcome undone{Outcome::Kind::stopped, 0, 9, "the session was restored to a checkpoint"};
    live->stopping = undone;
    BRIG_CO_CHECK(co_await end(live, undone));
  } else if (row.phase == to_string(State::ending)) {
    BRIG_CO_CHECK(co_await conclude(id));
  } else if (launching_.contains(id) || state_of(row.phase) != State::ended) {
    co_return Error{Code::conflict,
                    "session " + quoted(row.name) + " is " + row.phase + "; try again shortly", "session",
                    true};
  }
  launching_.insert(id);
  auto cleared = co_await drop_remains(id);
  if (!cleared) {
    launching_.erase(id);
    co_return std::move(cleared).error();
  }
  auto launch = std::make_shared<Launch>(executor_, std::move(prepared));
  co_await run_launch(launch);
  auto dropped = co_await drop_stray_layers();
  if (!dropped) log::warn("a layer is left to reconciling", {{"error", dropped.error()}});
  BRIG_CO_CHECK(*launch->result);
  tell_checkpoint(row, "session.restored", checkpoint.name);
  co_return co_await read_view(id);
}

// A session that was there before is not taken back: it has ended, and says why.
net::Task<Result<void>> Manager::fail_again(const store::SessionRow& row, Error why) {
  Outcome failed{Outcome::Kind::failed, 0, 0, why.message};
  BRIG_CO_CHECK(co_await record_outcome(row.id, failed));
  BRIG_CO_CHECK(co_await end_processes(row.id, failed, nullptr));
  co_return co_await tear_down(row.id, row.container_name);
}

net::Task<Result<View>> Manager::fork(Caller caller, std::string ref, ForkSpec spec) {
  for (const auto& variable : spec.env) BRIG_CO_CHECK(check_env_name("environment variable", variable.name));
  if (!spec.name.empty()) BRIG_CO_CHECK(check_name("session name", spec.name));
  BRIG_CO_TRY(auto row, co_await find_row(caller, ref, true));
  BRIG_CO_TRY(Hold hold, Hold::take(holds_, row.id, row.name, "being forked"));
  auto branch = std::make_shared<Branch>(*this, row.id, std::move(hold));
  auto work = fork_steps(caller, row.id, std::move(spec), branch);
  auto prepared = co_await to_the_end(scope_, std::move(work));
  if (!prepared) co_return std::move(prepared).error();
  auto view = co_await launch(std::move(*prepared));
  if (std::exchange(branch->hidden, false)) co_await end_branch(row.id, std::move(branch->hold));
  if (!view) co_return view;
  // What was applied of the one is no edit of the host's for the other either (review/conflict.hpp).
  auto tell = [from = options_.paths.known(row.id), to = options_.paths.known(view->id)]() -> Result<void> {
    auto known = read_file(from, kMaxKnown);
    if (!known && known.error().code == Code::not_found) return {};
    BRIG_CHECK(known);
    auto directory = to.parent_path();
    if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST)
      return errno_error(errno, "Cannot make " + quoted(directory.native(), 200), "session: fork");
    return write_file(to, *known, 0600);
  };
  auto told = co_await parts_.blocking.run(tell);
  if (!told)
    log::warn("a fork takes for the host's what was applied",
              {{"session", view->id.str()}, {"error", told.error()}});
  co_return view;
}

net::Task<Result<Manager::Prepared>> Manager::fork_steps(Caller caller, SessionId id, ForkSpec spec,
                                                         std::shared_ptr<Branch> branch) {
  BRIG_CO_TRY(auto row, co_await settled(id));
  BRIG_CO_CHECK(check_has_layers(row));
  BRIG_CO_TRY(auto origin, co_await origin_of(row, std::move(spec.env)));
  origin.spec.name = spec.name;
  if (caller.role == Caller::Role::admin) origin.spec.mesh = row.mesh;
  origin.spec.joins = true;
  for (auto& [key, value] : spec.labels) origin.spec.labels[key] = value;
  auto asked = std::move(origin.spec);
  BRIG_CO_TRY(auto prepared, co_await prepare(caller, std::move(asked), &origin));
  BRIG_CO_CHECK(lend_skills(caller, prepared));
  prepared.row.source = row.source;
  prepared.row.base = row.base;
  BRIG_CO_TRY(prepared.egress, co_await parts_.doors.rules(id));
  if (spec.checkpoint) {
    BRIG_CO_TRY(auto checkpoint, co_await parts_.checkpoints.get(id, *spec.checkpoint));
    prepared.row.frozen = checkpoint.layers;
  } else {
    branch->hidden = true;
    BRIG_CO_TRY(auto moment, co_await take_checkpoint(row, "", branch->hold));
    prepared.row.frozen = moment.layers;
  }
  co_return prepared;
}

net::Task<void> Manager::end_branch(SessionId id, [[maybe_unused]] Hold hold) {
  (void)co_await parts_.checkpoints.remove(id, "");
  (void)co_await drop_stray_layers();
}

}  // namespace brig::session
