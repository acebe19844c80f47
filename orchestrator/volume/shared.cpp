// Volumes that their owners make and remove, and all of them at brigd's start and end.
#include "core/log.hpp"
#include "core/random.hpp"
#include "core/text.hpp"
#include "volume/carry.hpp"
#include "volume/disk.hpp"
#include "volume/files.hpp"
#include "volume/volumes.hpp"
#include "workspace/mounter.hpp"

namespace brig::volume {

net::Task<Result<store::VolumeRow>> Volumes::create(store::VolumeRow row) {
  BRIG_CO_CHECK(check_size(row.bytes));
  row.name = "brig-shared-" + random_hex(4) + "-" + row.label;
  row.created = clock_.wall();
  BRIG_CO_CHECK(co_await table_.create(row));
  auto work = [dir = options_.paths.volume(row.name), bytes = row.bytes] {
    return make_volume(dir, bytes, "", "", true);
  };
  auto made = co_await blocking_.run(std::move(work));
  if (made) made = co_await ensure_named(row);
  if (made) co_return row;
  auto undone = co_await table_.begin_removal(row.name);
  if (undone) undone = co_await finish_removal(row.name);
  if (!undone)
    log::warn("a volume is left to the next start", {{"volume", row.name}, {"error", undone.error()}});
  co_return std::move(made).error();
}

net::Task<Result<void>> Volumes::remove(std::string name, bool prune) {
  using Removal = store::VolumeTable::Removal;
  BRIG_CO_CHECK(co_await table_.begin_removal(name, prune ? Removal::pruned : Removal::asked, clock_.wall()));
  co_return co_await finish_removal(name);
}

net::Task<Result<void>> Volumes::unname(std::string name) {
  auto there = co_await engine_.volumes().inspect(name);
  if (!there && there.error().code == Code::not_found) co_return Result<void>();
  if (!there) co_return std::move(there).error();
  if (!is_ours(*there)) co_return Result<void>();
  auto removed = co_await engine_.volumes().remove(name, false);
  if (!removed && removed.error().code == Code::conflict)
    co_return Error{
        Code::conflict,
        "volume " + quoted(name, 128) +
            " is in use by a container that is not Brig's; remove that first: " + removed.error().message,
        "volume", false};
  if (!removed && removed.error().code != Code::not_found) co_return removed;
  co_return Result<void>();
}

// The engine's name goes first: it knows whether anybody else's container has it.
net::Task<Result<void>> Volumes::finish_removal(std::string name) {
  auto unnamed = co_await unname(name);
  if (!unnamed && unnamed.error().code == Code::conflict)
    BRIG_CO_CHECK(co_await table_.end_removal(name, false));
  if (!unnamed) co_return unnamed;
  auto work = [dir = options_.paths.volume(name), archive = quarantine_of(name)]() -> Result<void> {
    BRIG_CHECK(unmount_volume(dir));
    BRIG_CHECK(workspace::destroy(archive));
    return workspace::destroy(dir);
  };
  BRIG_CO_CHECK(co_await blocking_.run(std::move(work)));
  co_return co_await table_.end_removal(name, true);
}

net::Task<Result<void>> Volumes::come_back(store::VolumeRow row) {
  auto work = [dir = options_.paths.volume(row.name), bytes = row.bytes] {
    return make_volume(dir, bytes, "", "", false);
  };
  BRIG_CO_CHECK(co_await blocking_.run(std::move(work)));
  auto name = row.name;
  auto named = co_await ensure_named(std::move(row));
  // Whoever uses it next names it.
  if (!named)
    log::warn("the engine does not know a volume again", {{"volume", name}, {"error", named.error()}});
  changed_.notify_all();
  co_return Result<void>();
}

net::Task<void> Volumes::take_up() {
  auto drop = [path = carried_in(options_.paths.root())] { return workspace::destroy(path); };
  auto dropped = co_await blocking_.run(std::move(drop));
  if (!dropped) log::warn("copies of volumes stay behind", {{"error", dropped.error()}});
  auto rows = co_await table_.list();
  if (!rows) {
    log::warn("cannot list volumes", {{"error", rows.error()}});
    co_return;
  }
  for (const auto& row : *rows) {
    if (!row.stage.empty()) continue;  // the quarantine's
    Result<void> done;
    if (row.removing) {
      done = co_await finish_removal(row.name);
    } else if (row.bytes > 0) {
      auto work = [dir = options_.paths.volume(row.name), bytes = row.bytes] {
        return make_volume(dir, bytes, "", "", false);
      };
      done = co_await blocking_.run(std::move(work));
    }
    if (!done) log::warn("a volume is not as it should be", {{"volume", row.name}, {"error", done.error()}});
  }
}

net::Task<void> Volumes::put_down() {
  auto rows = co_await table_.list();
  auto attached = co_await table_.all_attachments();
  if (!rows || !attached) co_return;  // what stays mounted is found mounted
  std::set<std::string> used;
  for (const auto& one : *attached) used.insert(one.volume);
  for (const auto& row : *rows) {
    if (row.bytes == 0 || used.contains(row.name)) continue;
    auto work = [dir = options_.paths.volume(row.name)] { return unmount_volume(dir); };
    auto done = co_await blocking_.run(std::move(work));
    if (!done) log::warn("a volume stays mounted", {{"volume", row.name}, {"error", done.error()}});
  }
}

}  // namespace brig::volume
