#include "session/shelf.hpp"

#include <algorithm>

#include "core/text.hpp"
#include "core/units.hpp"
#include "session/tenancy.hpp"
#include "volume/disk.hpp"

namespace brig::session {
namespace {

Error refuse(Code code, std::string message) {
  return {code, std::move(message), "session: volumes", false};
}

VolumeView view_of(const store::VolumeRow& row) {
  VolumeView out;
  out.name = row.label.empty() ? row.name : row.label;
  out.engine = row.name;
  out.owner = row.owner;
  out.mesh = row.mesh;
  out.provider = row.provider;
  out.identity = row.identity;
  out.created = row.created;
  out.used = row.attached;
  out.used_by = row.attached_by;
  out.size = row.bytes;
  return out;
}

}  // namespace

net::Task<Result<std::vector<VolumeView>>> Shelf::view(std::vector<store::VolumeRow> rows) {
  std::vector<VolumeView> out;
  BRIG_CO_TRY(auto attached, co_await volumes_.table().all_attachments());
  BRIG_CO_TRY(auto sessions, co_await sessions_.list());
  for (const auto& row : rows) {
    auto one = view_of(row);
    for (const auto& session : sessions) {
      bool has = std::any_of(attached.begin(), attached.end(), [&](const store::AttachmentRow& attachment) {
        return attachment.volume == row.name && attachment.session == session.id;
      });
      if (has) one.sessions.push_back(session.name);
    }
    out.push_back(std::move(one));
  }
  auto look = [this, out = std::move(out)]() mutable -> Result<std::vector<VolumeView>> {
    for (auto& one : out) one.held = volume::used_of(volumes_.directory_of(one.engine));
    return std::move(out);
  };
  co_return co_await blocking_.run(std::move(look));
}

net::Task<Result<std::vector<VolumeView>>> Shelf::list(Caller caller) {
  BRIG_CO_TRY(auto rows, co_await volumes_.table().list());
  std::erase_if(rows, [&](const store::VolumeRow& row) {
    return row.removing || !may_see(caller, row.owner, row.mesh);
  });
  co_return co_await view(std::move(rows));
}

// The caller's own names come first; then whatever only one volume that may be seen is called.
net::Task<Result<store::VolumeRow>> Shelf::find(Caller caller, std::string ref) {
  BRIG_CO_TRY(auto rows, co_await volumes_.table().list());
  std::vector<store::VolumeRow> called;
  for (auto& row : rows) {
    if (row.removing || !may_see(caller, row.owner, row.mesh)) continue;
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
  co_return std::move(views[0]);
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
  BRIG_CO_TRY(row, co_await volumes_.create(std::move(row)));
  co_return co_await get(caller, row.name);
}

net::Task<Result<void>> Shelf::remove(Caller caller, std::string ref) {
  BRIG_CO_TRY(auto row, co_await find(std::move(caller), std::move(ref)));
  co_return co_await volumes_.remove(row.name);
}

}  // namespace brig::session
