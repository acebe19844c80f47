// Checkpoints of sessions, and what is done with layers.
#include <sys/stat.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/disk_use.hpp"
#include "core/log.hpp"
#include "core/random.hpp"
#include "core/units.hpp"
#include "net/to_the_end.hpp"
#include "session/manager_state.hpp"
#include "session/records.hpp"
#include "workspace/layers.hpp"

namespace brig::session {
namespace {

constexpr std::size_t kMostCheckpoints = 64;
// Each costs a mount and a loop device wherever the stack is used.
constexpr std::size_t kMostLayers = 32;

CheckpointView view_of(const store::CheckpointRow& row) {
  return {row.name, row.created, row.bytes, row.layers.size()};
}

// A layer that was never written to, or never made.
bool is_there(const std::filesystem::path& layer) {
  struct stat st {};
  return ::lstat(layer.c_str(), &st) == 0;
}

}  // namespace

Result<void> Manager::check_has_layers(const store::SessionRow& row) const {
  BRIG_TRY(auto policy, stored_policy(row));
  bool bound = std::any_of(policy.grants.begin(), policy.grants.end(), [](const auto& grant) {
    return std::holds_alternative<policy::GrantProjectWrite>(grant);
  });
  if (!bound && policy.workspace != policy::Workspace::readonly) return {};
  return Error{Code::conflict,
               "session " + quoted(row.name) + " works on the project itself" +
                   (bound ? "" : ", which it cannot change") + "; only copy-on-write workspaces have " +
                   "something of their own to keep, fork or discard",
               "session", false};
}

void Manager::tell_checkpoint(const store::SessionRow& row, std::string kind, const std::string& name) {
  nlohmann::json detail{{"name", name}};
  parts_.events.add({std::move(kind), row.id, row.owner, row.mesh, detail.dump()});
}

// What the session consists of now, under a name ("" for a moment, while a fork is made of it).
net::Task<Result<store::CheckpointRow>> Manager::take_checkpoint(store::SessionRow row, std::string name,
                                                                 Hold& hold) {
  BRIG_CO_CHECK(check_has_layers(row));
  if (row.frozen.size() >= kMostLayers) {
    co_return Error{Code::exhausted,
                    "session " + quoted(row.name) + " stands on " + std::to_string(kMostLayers) +
                        " checkpoints already; apply what it wrote and start another",
                    "session", false};
  }
  BRIG_CO_TRY(auto others, co_await parts_.checkpoints.list(row.id));
  if (others.size() >= kMostCheckpoints) {
    co_return Error{Code::exhausted,
                    "session " + quoted(row.name) + " has " + std::to_string(kMostCheckpoints) +
                        " checkpoints already; remove some with `brig checkpoint --delete`",
                    "session", false};
  }
  store::CheckpointRow made{row.id, std::move(name), row.frozen, true, parts_.clock.wall(), 0};
  auto own = options_.paths.layer(row.layer);
  auto state = state_of(row.phase);
  auto live = find_live(row.id);
  if (state == State::ended && !live) {
    if (!is_there(own)) {
      BRIG_CO_CHECK(co_await parts_.checkpoints.insert(made));
      co_return made;
    }
    auto measure = [own] { return bytes_on_disk(own); };
    BRIG_CO_TRY(made.bytes, co_await parts_.blocking.run(measure));
    made.layers.insert(made.layers.begin(), row.layer);
    BRIG_CO_CHECK(co_await parts_.checkpoints.freeze(made, LayerId(random_hex(8))));
    co_return made;
  }
  bool runs = state == State::running || state == State::paused;
  if (!runs || !live || live->ending || launching_.contains(row.id)) {
    co_return Error{Code::conflict,
                    "session " + quoted(row.name) + " is " + row.phase + "; wait until it runs or has ended",
                    "session", true};
  }
  made.made = false;
  made.layers.insert(made.layers.begin(), LayerId(random_hex(8)));
  BRIG_CO_CHECK(co_await parts_.checkpoints.insert(made));
  hold.set_copying(true);
  auto copy = [own, to = options_.paths.layer(made.layers.front())] {
    return workspace::copy_layer(own, to);
  };
  if (!copying_) copying_.emplace(1);
  auto bytes = co_await copying_->run(copy);
  hold.set_copying(false);
  auto done = Result<void>();
  if (bytes) {
    done = co_await parts_.checkpoints.set_made(row.id, made.name, *bytes);
  } else {
    done = bytes.error();
  }
  if (!done) {
    (void)co_await parts_.checkpoints.remove(row.id, made.name);
    (void)co_await drop_stray_layers();
    co_return std::move(done).error();
  }
  made.bytes = *bytes;
  co_return made;
}

// One that is ending has ended, as far as its owner can see.
net::Task<Result<store::SessionRow>> Manager::settled(SessionId id) {
  if (auto live = find_live(id); live && live->ending) {
    while (!live->ended) co_await live->changed.wait();
  }
  co_return co_await parts_.sessions.get(id);
}

net::Task<Result<CheckpointView>> Manager::checkpoint(Caller caller, std::string ref, std::string name) {
  BRIG_CO_CHECK(check_name("checkpoint", name));
  auto work = checkpoint_steps(std::move(caller), std::move(ref), std::move(name));
  co_return co_await to_the_end(scope_, std::move(work));
}

net::Task<Result<CheckpointView>> Manager::checkpoint_steps(Caller caller, std::string ref,
                                                            std::string name) {
  BRIG_CO_TRY(auto row, co_await find_row(caller, ref, true));
  BRIG_CO_TRY(Hold hold, Hold::take(holds_, row.id, row.name, "being checkpointed"));
  BRIG_CO_TRY(row, co_await settled(row.id));
  BRIG_CO_TRY(auto made, co_await take_checkpoint(row, std::move(name), hold));
  tell_checkpoint(row, "session.checkpoint.made", made.name);
  co_return view_of(made);
}

net::Task<Result<std::vector<CheckpointView>>> Manager::checkpoints(Caller caller, std::string ref) {
  BRIG_CO_TRY(auto row, co_await find_row(caller, ref, false));
  BRIG_CO_TRY(auto rows, co_await parts_.checkpoints.list(row.id));
  std::vector<CheckpointView> views;
  for (const auto& each : rows) {
    if (each.made && !each.name.empty()) views.push_back(view_of(each));
  }
  co_return views;
}

net::Task<Result<void>> Manager::remove_checkpoint(Caller caller, std::string ref, std::string name) {
  BRIG_CO_TRY(auto row, co_await find_row(caller, ref, true));
  BRIG_CO_TRY(Hold hold, Hold::take(holds_, row.id, row.name, "losing a checkpoint"));
  BRIG_CO_TRY(auto found, co_await parts_.checkpoints.get(row.id, std::move(name)));
  BRIG_CO_CHECK(co_await parts_.checkpoints.remove(row.id, found.name));
  tell_checkpoint(row, "session.checkpoint.removed", found.name);
  co_return co_await drop_stray_layers();
}

net::Task<Result<View>> Manager::discard(Caller caller, std::string ref) {
  BRIG_CO_TRY(auto row, co_await find_row(caller, ref, true));
  BRIG_CO_TRY(Hold hold, Hold::take(holds_, row.id, row.name, "being discarded"));
  BRIG_CO_TRY(row, co_await settled(row.id));
  BRIG_CO_CHECK(check_has_layers(row));
  if (find_live(row.id) || launching_.contains(row.id) || state_of(row.phase) != State::ended) {
    co_return Error{Code::conflict,
                    "session " + quoted(row.name) + " is " + row.phase +
                        "; what it works on cannot be taken from under it: stop it first",
                    "session", false};
  }
  std::vector<LayerId> below;  // what was cloned stands for a project, and stays
  if (!row.base.empty()) below.push_back(row.base);
  BRIG_CO_CHECK(co_await parts_.sessions.restack(row.id, LayerId(random_hex(8)), std::move(below)));
  parts_.events.add({"session.discarded", row.id, row.owner, row.mesh});
  BRIG_CO_CHECK(co_await drop_stray_layers());
  co_return co_await read_view(row.id);
}

net::Task<Result<void>> Manager::drop_stray_layers() {
  auto list = [paths = options_.paths] { return workspace::list_layers(paths); };
  BRIG_CO_TRY(auto there, co_await parts_.blocking.run(list));
  BRIG_CO_TRY(auto meant, co_await parts_.sessions.layers());
  for (const auto& id : there) {
    if (!meant.contains(id)) BRIG_CO_CHECK(co_await drop_layer(id));
  }
  co_return Result<void>();
}

net::Task<void> Manager::clear_unmade_checkpoints() {
  auto unmade = co_await parts_.checkpoints.list_unmade();
  if (!unmade) {
    log::error("unfinished checkpoints cannot be found", {{"error", unmade.error()}});
    co_return;
  }
  for (const auto& each : *unmade) {
    auto row = co_await parts_.sessions.get(each.session);
    if (row) {
      auto release = [path = options_.paths.layer(row->layer)] { return workspace::release_layer(path); };
      auto released = co_await parts_.blocking.run(release);
      if (!released)
        log::error("a session may be held still",
                   {{"session", each.session.str()}, {"error", released.error()}});
    }
    (void)co_await parts_.checkpoints.remove(each.session, each.name);
  }
}

}  // namespace brig::session
