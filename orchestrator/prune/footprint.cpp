#include "prune/footprint.hpp"

#include <sys/statvfs.h>

#include <nlohmann/json.hpp>
#include <set>

#include "core/disk_use.hpp"
#include "image/labels.hpp"
#include "session/records.hpp"

namespace brig::prune {
namespace {

namespace fs = std::filesystem;

// What the ledger knows, for a walk that cannot ask it.
struct Known {
  struct Session {
    SessionId id;
    LayerId layer;
    bool ended = false;
  };
  std::vector<Session> sessions;
  std::set<std::string> volumes;       // the engine's names
  std::set<std::string> idle_volumes;  // of these, those that no session has
  std::set<std::string> artefacts;     // the layers of those of services, and of sessions' skills
};

struct Walked {
  Portion workspaces{"workspaces", 0, 0, 0, 0, "brig gc"};
  Portion checkpoints{"checkpoints", 0, 0, 0, 0, "brig checkpoint --delete SESSION NAME"};
  Portion artefacts{"artefacts of services", 0, 0, 0, 0, "brig service rm NAME"};
  Portion output{"output and accounts", 0, 0, 0, 0, "brig gc"};
  Portion volumes{"volumes", 0, 0, 0, 0, "brig volume prune"};
  Portion quarantine{"volumes in quarantine", 0, 0, 0, 0, "brig volume ls --quarantined"};
  Portion applied{"what undo needs", 0, 0, 0, 0, "brig rm SESSION"};
  Portion templates{"templates of disks", 0, 0, 0, 0, "brig gc"};
  Portion replaced{"what restores replaced", 0, 0, 0, 0, "rm -r STATE/before-restore-TIME"};
  Portion ledger{"ledger", 0, 0, 0, 0, ""};
  std::uint64_t size = 0, free = 0;
};

// What cannot be read is not counted.
std::uint64_t bytes_of(const fs::path& path) {
  auto bytes = bytes_on_disk(path);
  return bytes ? *bytes : 0;
}

void add(Portion& to, std::uint64_t bytes, bool idle) {
  ++to.count;
  *to.bytes += bytes;
  to.idle += idle;
  if (idle) to.idle_bytes += bytes;
}

std::vector<fs::path> entries(const fs::path& directory) {
  std::vector<fs::path> out;
  std::error_code failed;
  for (fs::directory_iterator at(directory, failed), end; !failed && at != end; at.increment(failed))
    out.push_back(at->path());
  return out;
}

Walked walk(const Known& known, const StatePaths& paths) {
  Walked out;
  std::map<std::string, bool> own_layers;  // whether its session has ended
  for (const auto& session : known.sessions) {
    own_layers[session.layer.str()] = session.ended;
    auto said = bytes_of(paths.session(session.id) / "out") + bytes_of(paths.egress_account(session.id)) +
                bytes_of(paths.egress_account(session.id).string() + ".1");
    add(out.output, said, session.ended);
  }
  for (const auto& layer : entries(paths.layers())) {
    auto own = own_layers.find(layer.filename().string());
    if (known.artefacts.contains(layer.filename().string()))
      add(out.artefacts, bytes_of(layer), false);
    else if (own == own_layers.end())
      add(out.checkpoints, bytes_of(layer), false);
    else
      add(out.workspaces, bytes_of(layer), own->second);
  }
  for (const auto& volume : known.volumes)
    add(out.volumes, bytes_of(paths.volume(volume)), known.idle_volumes.contains(volume));
  for (const auto& archive : entries(paths.quarantine())) add(out.quarantine, bytes_of(archive), true);
  for (const auto& review : entries(paths.reviews())) add(out.applied, bytes_of(review), false);
  for (const auto& path : entries(paths.root() / "templates")) add(out.templates, bytes_of(path), false);
  for (const auto& path : entries(paths.root()))
    if (path.filename().string().starts_with("before-restore-")) add(out.replaced, bytes_of(path), true);
  auto ledger = paths.database().string();
  add(out.ledger, bytes_of(ledger) + bytes_of(ledger + "-wal") + bytes_of(ledger + "-shm"), false);
  struct statvfs at {};
  if (::statvfs(paths.root().c_str(), &at) == 0) {
    out.size = at.f_blocks * at.f_frsize;
    out.free = at.f_bavail * at.f_frsize;
  }
  return out;
}

net::Task<Result<Known>> look_up(Sources from, store::ServiceTable* services) {
  Known out;
  BRIG_CO_TRY(auto artefacts, co_await services->artefacts());
  for (const auto& artefact : artefacts) out.artefacts.insert(artefact.layer.str());
  BRIG_CO_TRY(auto rows, co_await from.sessions.list());
  for (const auto& row : rows) {
    out.sessions.push_back({row.id, row.layer, session::state_of(row.phase) == session::State::ended});
    // Of skills that nobody else has any more.
    auto skills = nlohmann::json::parse(row.skills_json, nullptr, false);
    if (!skills.is_object()) continue;
    for (const auto& [name, layer] : skills.items())
      if (layer.is_string()) out.artefacts.insert(layer.get<std::string>());
  }
  BRIG_CO_TRY(auto volumes, co_await from.volumes.table().list());
  BRIG_CO_TRY(auto attached, co_await from.volumes.table().all_attachments());
  std::set<std::string> in_use;
  for (const auto& one : attached) in_use.insert(one.volume);
  for (const auto& volume : volumes) {
    if (!volume.stage.empty()) continue;
    out.volumes.insert(volume.name);
    if (!in_use.contains(volume.name)) out.idle_volumes.insert(volume.name);
  }
  co_return out;
}

bool is_ours(const docker::ContainerSummary& container) {
  return container.labels.contains(volume::kLabelInstallation);
}

}  // namespace

net::Task<Result<Footprint>> Surveyor::footprint() {
  auto& engine = sources_.volumes.engine();
  BRIG_CO_TRY(auto known, co_await look_up(sources_, &services_));
  BRIG_CO_TRY(auto used, co_await engine.system().disk_use());
  docker::ContainerFilter every;
  BRIG_CO_TRY(auto containers, co_await engine.containers().list(std::move(every)));
  docker::ImageFilter labelled;
  labelled.labels = {image::kLabelImageProvider};
  docker::VolumeFilter every_volume;
  BRIG_CO_TRY(auto volumes, co_await engine.volumes().list(std::move(every_volume)));
  BRIG_CO_TRY(auto images, co_await engine.images().list(std::move(labelled)));

  auto look = [known, paths = paths_] { return walk(known, paths); };
  auto walked = co_await walking_.run(std::move(look));

  Footprint out;
  out.ours = {walked.workspaces, walked.checkpoints, walked.artefacts, walked.output,   walked.volumes,
              walked.quarantine, walked.applied,     walked.templates, walked.replaced, walked.ledger};
  out.ours.push_back({"images of providers", images.size(), std::nullopt, 0, 0, "brig gc --kind image"});
  auto own = static_cast<std::uint64_t>(std::count_if(containers.begin(), containers.end(), is_ours));
  out.ours.push_back({"containers", own, std::nullopt, 0, 0, "brig ps"});

  auto rest = [](std::uint64_t all, std::uint64_t some) { return all - std::min(all, some); };
  // The engine's own account leaves out volumes with a device of their own, such as Brig's.
  Portion foreign{"volumes", 0, 0, 0, 0, ""};
  for (const auto& volume : volumes) {
    if (known.volumes.contains(volume.name)) continue;
    auto bytes = used.volume_bytes.find(volume.name);
    add(foreign, bytes == used.volume_bytes.end() ? 0 : bytes->second, false);
  }
  out.others = {{"images, Brig's among them", used.images.count, used.layers, 0, 0, ""},
                {"containers", rest(used.containers.count, own), used.containers.bytes, 0, 0, ""},
                foreign,
                {"build cache", used.build_cache.count, used.build_cache.bytes, 0, 0, ""}};
  out.size = walked.size;
  out.free = walked.free;
  co_return out;
}

}  // namespace brig::prune
