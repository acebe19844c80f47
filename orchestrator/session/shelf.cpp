#include "session/shelf.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "core/text.hpp"
#include "core/units.hpp"
#include "session/tenancy.hpp"
#include "volume/disk.hpp"

namespace brig::session {
namespace {

Error refuse(Code code, std::string message) {
  return {code, std::move(message), "session: volumes", false};
}

// On its way out for good: nobody sees it any more.
bool is_gone(const store::VolumeRow& row) {
  return row.removing && row.stage.empty();
}

}  // namespace

VolumeView Shelf::view_of(const store::VolumeRow& row) const {
  VolumeView out;
  out.name = row.label.empty() ? row.name : row.label;
  out.engine = row.name;
  out.owner = row.owner;
  out.mesh = row.mesh;
  out.provider = row.provider;
  out.identity = row.identity;
  out.identity_label = row.identity_label;
  out.pinned = row.pinned;
  out.created = row.created;
  out.used = row.attached;
  out.used_by = row.attached_by;
  out.size = row.bytes;
  out.stage = row.stage;
  if (!row.stage.empty()) {
    out.archive_bytes = row.archive_bytes;
    out.quarantined = row.staged;
    if (row.staged && row.stage == store::stage::kQuarantined) out.until = *row.staged + options_.retention;
  }
  return out;
}

net::Task<Result<std::vector<VolumeView>>> Shelf::view(std::vector<store::VolumeRow> rows) {
  std::vector<VolumeView> out;
  BRIG_CO_TRY(auto attached, co_await volumes_.table().all_attachments());
  BRIG_CO_TRY(auto sessions, co_await sessions_.list());
  std::map<SessionId, std::string> names;
  for (auto& session : sessions) names[session.id] = std::move(session.name);
  std::map<std::string, std::set<std::string>> used_by;
  for (const auto& one : attached) used_by[one.volume].insert(names[one.session]);
  std::map<std::string, bool> known;
  for (const auto& row : rows) {
    auto one = view_of(row);
    if (auto by = used_by.find(row.name); by != used_by.end())
      one.sessions.assign(by->second.begin(), by->second.end());
    if (!row.provider.empty()) {
      auto [at, fresh] = known.try_emplace(row.provider, true);
      if (fresh && options_.knows_provider) at->second = options_.knows_provider(row.provider);
      one.orphan = !at->second || (!row.identity.empty() && row.identity_label.empty());
    }
    out.push_back(std::move(one));
  }
  auto look = [this, out = std::move(out)]() mutable -> Result<std::vector<VolumeView>> {
    for (auto& one : out) {
      auto place = volumes_.directory_of(one.engine);
      one.held = volume::used_of(place);
      one.allocated = volume::allocated_of(place);
    }
    return std::move(out);
  };
  co_return co_await blocking_.run(std::move(look));
}

net::Task<Result<std::vector<VolumeView>>> Shelf::list(Caller caller, VolumeFilter filter,
                                                       VolumeOrder order) {
  BRIG_CO_TRY(auto rows, co_await volumes_.table().list());
  std::erase_if(rows, [&](const store::VolumeRow& row) {
    return is_gone(row) || !may_see(caller, row.owner, row.mesh);
  });
  BRIG_CO_TRY(auto views, co_await view(std::move(rows)));
  auto now = clock_.wall();
  std::erase_if(views, [&](const VolumeView& one) { return !matches(one, filter, now); });
  sort_volumes(views, order);
  co_return views;
}

net::Task<Result<std::vector<ForeignVolume>>> Shelf::foreign(Caller caller) {
  if (caller.role != Caller::Role::admin)
    co_return refuse(Code::denied, "volumes that Brig did not make are for admins to see");
  docker::VolumeFilter all_volumes;
  docker::ContainerFilter all_containers;
  BRIG_CO_TRY(auto found, co_await volumes_.engine().volumes().list(std::move(all_volumes)));
  BRIG_CO_TRY(auto containers, co_await volumes_.engine().containers().list(std::move(all_containers)));
  std::map<std::string, std::vector<std::string>> used_by;
  for (const auto& container : containers)
    for (const auto& mount : container.mounts)
      if (!mount.name.empty()) used_by[mount.name].push_back(container.name);
  std::vector<ForeignVolume> out;
  for (auto& one : found)
    if (!volumes_.is_ours(one))
      out.push_back({one.name, one.driver, one.created, std::move(used_by[one.name])});
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  co_return out;
}

// The caller's own names come first; then whatever only one volume that may be seen is called.
net::Task<Result<store::VolumeRow>> Shelf::find(Caller caller, std::string ref) {
  BRIG_CO_TRY(auto rows, co_await volumes_.table().list());
  std::vector<store::VolumeRow> called;
  for (auto& row : rows) {
    if (is_gone(row) || !may_see(caller, row.owner, row.mesh)) continue;
    if (row.name == ref || (row.label == ref && row.owner == caller.owner && row.mesh == caller.mesh))
      co_return std::move(row);
    if (row.label == ref) called.push_back(std::move(row));
  }
  if (called.size() == 1) co_return std::move(called[0]);
  if (called.size() > 1)
    co_return refuse(Code::conflict, "several volumes are called " + quoted(ref) +
                                         "; use the name it has at the engine, which `brig volume ls` shows");
  co_return refuse(Code::not_found,
                   "there is no volume " + quoted(ref, 128) + " of yours; `brig volume ls` lists them");
}

net::Task<Result<VolumeView>> Shelf::get(Caller caller, std::string ref) {
  BRIG_CO_TRY(auto row, co_await find(std::move(caller), std::move(ref)));
  std::vector<store::VolumeRow> one{std::move(row)};
  BRIG_CO_TRY(auto views, co_await view(std::move(one)));
  BRIG_CO_TRY(auto uses, co_await volumes_.table().uses(views[0].engine));
  for (const auto& use : uses) views[0].uses.push_back({use.session.str(), use.name, use.at});
  co_return std::move(views[0]);
}

net::Task<Result<VolumeView>> Shelf::restore(Caller caller, std::string ref) {
  BRIG_CO_TRY(auto row, co_await find(caller, std::move(ref)));
  if (volumes_.bring_back) BRIG_CO_CHECK(co_await volumes_.bring_back(row.name));
  co_return co_await get(std::move(caller), row.name);
}

net::Task<Result<VolumeView>> Shelf::pin(Caller caller, std::string ref, bool pinned) {
  BRIG_CO_TRY(auto row, co_await find(caller, std::move(ref)));
  BRIG_CO_TRY(row, co_await volumes_.table().pin(row.name, pinned));
  co_return co_await get(std::move(caller), row.name);
}

Result<void> Shelf::check_room(const std::string& owner, std::uint64_t bytes,
                               const std::vector<store::VolumeRow>& rows) const {
  std::uint64_t number = 0, sum = 0;
  for (const auto& row : rows) {
    if (row.owner != owner || row.label.empty()) continue;
    ++number;
    sum += row.bytes;
  }
  if (number >= options_.per_owner)
    return refuse(Code::exhausted,
                  printable(owner) + " has " + std::to_string(number) +
                      " volumes, which is as many as volumes.per_owner allows; remove some with "
                      "`brig volume rm`");
  auto own = options_.quotas.owners.find(owner);
  auto disk = own == options_.quotas.owners.end() ? options_.quotas.standard.disk : own->second.disk;
  if (disk == 0 || (sum <= disk && bytes <= disk - sum)) return {};
  return refuse(Code::exhausted, "the volumes of " + printable(owner) + " may hold " + format_size(sum) +
                                     " of the quota of " + format_size(disk) + " already, and " +
                                     format_size(bytes) +
                                     " more are asked for; remove some, or ask for less with "
                                     "--size");
}

net::Task<Result<VolumeView>> Shelf::create(Caller caller, VolumeSpec spec) {
  return make(std::move(caller), std::move(spec), nullptr);
}

net::Task<Result<VolumeView>> Shelf::make(Caller caller, VolumeSpec spec, volume::Fill fill) {
  BRIG_CO_CHECK(check_name("name", spec.name));
  BRIG_CO_TRY(auto mesh, mesh_for(caller, spec.mesh));
  auto bytes = spec.size.value_or(std::min(volumes_.standard_bytes(), options_.max_bytes));
  if (bytes > options_.max_bytes)
    co_return refuse(Code::invalid, "size " + format_size(bytes) + " is more than volumes.max_size, " +
                                        format_size(options_.max_bytes) + "; ask for less");
  BRIG_CO_TRY(auto rows, co_await volumes_.table().list());
  BRIG_CO_CHECK(check_room(caller.owner, bytes, rows));
  store::VolumeRow row;
  row.label = spec.name;
  row.owner = caller.owner;
  row.mesh = mesh;
  row.bytes = bytes;
  if (fill) {
    BRIG_CO_TRY(row, co_await volume::make_whole(volumes_, std::move(row), carrying_, clock_.wall(),
                                                 std::move(fill)));
  } else {
    BRIG_CO_TRY(row, co_await volumes_.create(std::move(row)));
  }
  co_return co_await get(caller, row.name);
}

}  // namespace brig::session
