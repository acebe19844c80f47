#include "prune/collector.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "core/disk_use.hpp"
#include "core/text.hpp"
#include "image/labels.hpp"
#include "session/records.hpp"
#include "workspace/mounter.hpp"

namespace brig::prune {
namespace {

namespace fs = std::filesystem;

std::uint64_t bytes_of(const fs::path& path) {
  auto bytes = bytes_on_disk(path);
  return bytes ? *bytes : 0;
}

// When it was written or, where that is kept, read.
WallTime last_touched(const fs::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return {};
  return WallTime{std::chrono::seconds(std::max(status.st_mtim.tv_sec, status.st_atim.tv_sec))};
}

std::vector<fs::path> entries(const fs::path& directory) {
  std::vector<fs::path> out;
  std::error_code failed;
  for (fs::directory_iterator at(directory, failed), end; !failed && at != end; at.increment(failed))
    out.push_back(at->path());
  return out;
}

// Those of which a version runs in the image: it names it.
std::vector<std::string> services_in(const std::map<std::string, std::string>& versions,
                                     const std::string& image) {
  std::vector<std::string> out;
  for (const auto& [service, text] : versions)
    if (text.find(image) != std::string::npos) out.push_back(service);
  return out;
}

}  // namespace

net::Task<Result<void>> Collector::see_sessions(std::vector<Thing>* out, std::set<std::string>* images) {
  BRIG_CO_TRY(auto rows, co_await parts_.session_table.list());
  BRIG_CO_TRY(auto services, co_await parts_.services.list());
  std::map<SessionId, std::string> of_services;
  for (const auto& service : services)
    if (!service.session.empty()) of_services[service.session] = service.mesh + "/" + service.name;
  std::vector<std::pair<Thing, LayerId>> ended;
  for (const auto& row : rows) {
    images->insert(row.image_id);
    if (session::state_of(row.phase) != session::State::ended) continue;
    Thing thing{kGcSession, row.id.str(), row.name, row.owner, row.ended.value_or(row.created), 0, {}};
    if (auto service = of_services.find(row.id); service != of_services.end())
      thing.held.push_back("service " + quoted(service->second) + " has it");
    BRIG_CO_TRY(auto checkpoints, co_await parts_.checkpoints.list(row.id));
    for (const auto& made : checkpoints) {
      Thing one{kGcCheckpoint,
                row.id.str() + "/" + made.name,
                made.name,
                "session " + row.name,
                std::max(made.created, thing.since),
                made.bytes,
                {}};
      if (!made.name.empty()) out->push_back(std::move(one));
    }
    if (!checkpoints.empty())
      thing.held.push_back("it has " + std::to_string(checkpoints.size()) +
                           (checkpoints.size() == 1 ? " checkpoint" : " checkpoints") +
                           " to be restored or forked, such as " + quoted(checkpoints.back().name));
    ended.emplace_back(std::move(thing), row.layer);
  }
  auto look = [ended = std::move(ended), paths = parts_.paths]() mutable -> Result<std::vector<Thing>> {
    std::vector<Thing> seen;
    for (auto& [thing, layer] : ended) {
      SessionId id(thing.id);
      thing.bytes = bytes_of(paths.session(id)) + bytes_of(paths.layer(layer)) + bytes_of(paths.review(id));
      seen.push_back(std::move(thing));
    }
    return seen;
  };
  BRIG_CO_TRY(auto seen, co_await looking_.run(std::move(look)));
  std::move(seen.begin(), seen.end(), std::back_inserter(*out));
  co_return Result<void>();
}

// What is kept of each service's versions, as text.
net::Task<Result<std::map<std::string, std::string>>> Collector::versions_of_services() {
  std::map<std::string, std::string> out;
  BRIG_CO_TRY(auto services, co_await parts_.services.list());
  for (const auto& service : services) {
    BRIG_CO_TRY(auto versions, co_await parts_.services.versions(service.mesh, service.name));
    auto& text = out[service.mesh + "/" + service.name];
    for (const auto& version : versions) text += version.built_json;
  }
  co_return out;
}

// Of this installation's builds those that no provider's name stands for any more.
net::Task<Result<void>> Collector::see_images(std::vector<Thing>* out, std::set<std::string> kept) {
  docker::ImageFilter ours;
  ours.labels = {std::string(image::kLabelImageInstallation) + "=" + parts_.installation};
  BRIG_CO_TRY(auto found, co_await parts_.engine.images().list(std::move(ours)));
  BRIG_CO_TRY(auto present, co_await parts_.images.list());
  docker::ContainerFilter every;
  BRIG_CO_TRY(auto containers, co_await parts_.engine.containers().list(std::move(every)));
  BRIG_CO_TRY(auto versions, co_await versions_of_services());
  std::set<std::string> current;
  for (const auto& image : present)
    if (image.built) current.insert(image.id.str());
  for (const auto& image : found) {
    if (current.contains(image.id.str())) continue;
    Thing thing{kGcImage, image.id.str(), "", "", image.created.value_or(parts_.clock.wall()), image.size,
                {}};
    thing.name = image.tags.empty() ? image.id.str().substr(0, 19) : image.tags.front();
    if (auto of = image.labels.find(image::kLabelImageProvider); of != image.labels.end())
      thing.of = of->second;
    for (const auto& tag : image.tags)
      if (tag != parts_.image_prefix + "/" + thing.of + ":latest")
        thing.held.push_back("somebody called it " + quoted(tag));
    for (const auto& container : containers)
      if (container.image == image.id)
        thing.held.push_back("container " + quoted(container.name) + " (" +
                             std::string(docker::to_string(container.status)) + ") is of it");
    if (kept.contains(image.id.str())) thing.held.push_back("a session would be restored with it");
    for (const auto& service : services_in(versions, image.id.str()))
      thing.held.push_back("service " + quoted(service) + " runs in it, or would after a rollback");
    out->push_back(std::move(thing));
  }
  co_return Result<void>();
}

net::Task<Result<void>> Collector::see_files(std::vector<Thing>* out) {
  BRIG_CO_TRY(auto rows, co_await parts_.volumes.list());
  std::set<std::string> known;
  for (const auto& row : rows) known.insert(row.name);
  auto look = [known = std::move(known), paths = parts_.paths]() -> Result<std::vector<Thing>> {
    std::vector<Thing> seen;
    std::error_code failed;
    auto add = [&](const char* kind, const fs::path& path, const fs::path& dated) {
      auto name = path.filename().string();
      seen.push_back({kind, name, name, "", last_touched(dated), bytes_of(path), {}});
    };
    for (const auto& path : entries(paths.root() / "templates"))
      if (path.extension() == ".img") add(kGcTemplate, path, path);
    for (const auto& path : entries(paths.quarantine()))
      if (!known.contains(path.filename().string()))
        add(kGcArchive, path, fs::exists(path / "volume.zst", failed) ? path / "volume.zst" : path);
    return seen;
  };
  BRIG_CO_TRY(auto seen, co_await looking_.run(std::move(look)));
  std::move(seen.begin(), seen.end(), std::back_inserter(*out));
  co_return Result<void>();
}

net::Task<Result<GcPlan>> Collector::plan(GcRules rules) {
  auto now = parts_.clock.wall();
  std::vector<Thing> things;
  std::set<std::string> images;
  BRIG_CO_CHECK(co_await see_files(&things));
  BRIG_CO_CHECK(co_await see_sessions(&things, &images));
  BRIG_CO_CHECK(co_await see_images(&things, std::move(images)));
  co_return make_gc_plan(std::move(rules), now, std::move(things));
}

net::Task<Result<void>> Collector::remove(session::Caller caller, Thing thing) {
  if (thing.kind == kGcSession) {
    // One that was made since would go with it.
    BRIG_CO_TRY(auto checkpoints, co_await parts_.checkpoints.list(SessionId(thing.id)));
    if (!checkpoints.empty())
      co_return Error{Code::conflict, "a checkpoint was made of it meanwhile", "gc", false};
    co_return co_await parts_.sessions.remove(std::move(caller), thing.id, false);
  }
  if (thing.kind == kGcCheckpoint) {
    auto slash = thing.id.find('/');
    BRIG_CO_TRY(auto row, co_await parts_.session_table.get(SessionId(thing.id.substr(0, slash))));
    if (session::state_of(row.phase) != session::State::ended)
      co_return Error{Code::conflict, "its session runs again", "gc", false};
    co_return co_await parts_.workspaces.remove_checkpoint(std::move(caller), thing.id.substr(0, slash),
                                                           thing.id.substr(slash + 1));
  }
  if (thing.kind == kGcImage) {
    BRIG_CO_TRY(auto versions, co_await versions_of_services());
    auto services = services_in(versions, thing.id);
    if (!services.empty())
      co_return Error{Code::conflict,
                      "service " + quoted(services.front()) + " has a version that runs in it", "gc", false};
    docker::Images::RemoveOptions options;
    auto removed = co_await parts_.engine.images().remove(thing.id, options);
    if (!removed) co_return std::move(removed).error();
    co_return Result<void>();
  }
  // The names are those of directory entries that were listed, so they lead nowhere else.
  auto work = [thing, paths = parts_.paths]() -> Result<void> {
    if (thing.kind == kGcArchive) return workspace::destroy(paths.quarantine(thing.id));
    auto path = paths.root() / "templates" / thing.id;
    if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
    return errno_error(errno, "cannot remove " + quoted(path.native(), 256), "gc");
  };
  co_return co_await looking_.run(std::move(work));
}

net::Task<Result<GcReport>> Collector::collect(session::Caller caller, GcRules rules,
                                               std::set<GcAgreed> agreed) {
  if (std::exchange(running_, true))
    co_return Error{Code::conflict, "a collection is under way; try again when it is done", "gc", true};
  struct Turn {
    bool& running;
    ~Turn() { running = false; }
  };
  Turn turn{running_};
  BRIG_CO_TRY(auto now, co_await plan(std::move(rules)));
  GcReport report;
  for (auto& verdict : now.verdicts) {
    auto& thing = verdict.thing;
    GcAgreed which{thing.kind, thing.id};
    if (agreed.erase(which) == 0) continue;
    GcStep step{which, thing.name, false, "", thing.bytes};
    if (verdict.goes) {
      auto gone = co_await remove(caller, thing);
      step.gone = gone.ok();
      if (!gone) step.reason = gone.error().message;
    } else {
      step.reason = verdict.reasons.front();
    }
    if (step.gone) {
      report.bytes += step.bytes;
      parts_.metrics.counter("brig_gc_removed_total", "Things that gc removed.", {{"kind", thing.kind}})
          .add();
      parts_.metrics.counter("brig_gc_removed_bytes_total", "What they took on the disk.").add(step.bytes);
      nlohmann::json detail{{"kind", thing.kind}, {"name", thing.name}, {"bytes", step.bytes}};
      parts_.events.add({"gc.collected", {}, "", "", detail.dump()});
    }
    report.steps.push_back(std::move(step));
  }
  for (const auto& which : agreed)
    report.steps.push_back({which, which.id, false, "it is not there any more", 0});
  co_return report;
}

}  // namespace brig::prune
