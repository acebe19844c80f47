#include "prune/evidence.hpp"

#include <set>

#include "prune/mounts.hpp"
#include "session/records.hpp"
#include "session/tenancy.hpp"

namespace brig::prune {
namespace {

using session::Caller;

// What it has, and what it asked for when it was made: it may be on its way to that, or come back to it.
Result<std::set<std::string>> volumes_of(const store::SessionRow& row,
                                         const std::vector<store::AttachmentRow>& attached,
                                         const std::vector<store::VolumeRow>& volumes) {
  std::set<std::string> out;
  for (const auto& one : attached)
    if (one.session == row.id) out.insert(one.volume);
  BRIG_TRY(auto asked, session::mounts_from_json(row.volumes_json));
  for (const auto& volume : volumes) {
    bool config =
        !volume.identity.empty() && volume.identity == row.identity_id && volume.provider == row.provider;
    bool shared = false;
    if (!volume.label.empty() && volume.owner == row.owner && volume.mesh == row.mesh)
      for (const auto& mount : asked) shared |= mount.volume == volume.label;
    if (config || shared) out.insert(volume.name);
  }
  return out;
}

// The volume whose directory a path is, or lies in: "NAME" of VOLUMES/NAME/…; empty: none.
std::string volume_at(const std::string& path, const std::string& volumes) {
  if (!path.starts_with(volumes + "/")) return {};
  auto rest = path.substr(volumes.size() + 1);
  return rest.substr(0, rest.find('/'));
}

Evidence::Container seen_of(const docker::ContainerSummary& container,
                            const std::map<std::string, std::filesystem::path>& places,
                            const std::string& directory) {
  Evidence::Container out;
  out.name = container.name;
  out.state = docker::to_string(container.status);
  out.ours = container.labels.contains(volume::kLabelInstallation);
  std::set<std::string> has;
  for (const auto& mount : container.mounts) {
    for (const auto& name : {mount.name, volume_at(mount.source, directory)})
      if (places.contains(name)) has.insert(name);
  }
  out.volumes.assign(has.begin(), has.end());
  return out;
}

}  // namespace

net::Task<Result<Evidence>> take_evidence(Sources from, Caller caller) {
  Evidence out;
  out.at = from.clock.wall();
  session::VolumeFilter all;
  BRIG_CO_TRY(out.volumes, co_await from.shelf.list(caller, std::move(all), session::VolumeOrder::name));
  BRIG_CO_TRY(auto rows, co_await from.volumes.table().list());
  std::map<std::string, std::filesystem::path> places;
  for (const auto& volume : out.volumes) places[volume.engine] = from.volumes.data_of(volume.engine);
  std::erase_if(rows, [&](const store::VolumeRow& row) { return !places.contains(row.name); });
  bool admin = caller.role == Caller::Role::admin;

  docker::ContainerFilter every;
  BRIG_CO_TRY(auto containers, co_await from.volumes.engine().containers().list(std::move(every)));
  for (const auto& container : containers) {
    auto seen = seen_of(container, places, from.volumes.directory_of("").parent_path());
    if (seen.volumes.empty()) continue;
    if (!admin) seen.name.clear();
    out.containers.push_back(std::move(seen));
  }

  auto look = [places = std::move(places)]() mutable { return find_mounts(std::move(places)); };
  BRIG_CO_TRY(out.mounts, co_await from.blocking.run(std::move(look)));
  if (!admin)
    for (auto& mount : out.mounts) mount.point.clear();

  // The ledger last: what was begun meanwhile is in it.
  BRIG_CO_TRY(auto attached, co_await from.volumes.table().all_attachments());
  BRIG_CO_TRY(auto sessions, co_await from.sessions.list());
  for (const auto& row : sessions) {
    BRIG_CO_TRY(auto has, volumes_of(row, attached, rows));
    if (has.empty()) continue;
    bool may = session::may_see(caller, row.owner, row.mesh);
    out.sessions.push_back({may ? row.name : std::string(), row.phase, {has.begin(), has.end()}});
  }
  co_return out;
}

}  // namespace brig::prune
