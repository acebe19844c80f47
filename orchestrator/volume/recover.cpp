// Volumes whose ledger was lost: what the engine's labels say of them, taken up again.
#include <sys/stat.h>

#include "core/log.hpp"
#include "core/text.hpp"
#include "core/units.hpp"
#include "volume/files.hpp"
#include "volume/memo.hpp"
#include "volume/volumes.hpp"

namespace brig::volume {
namespace {

constexpr Millis kAnswersWithin{5'000};

std::string label(const docker::VolumeInfo& volume, const char* key) {
  auto at = volume.labels.find(key);
  return at == volume.labels.end() ? std::string() : at->second;
}

// Its bound is the size of its file system; 0 where it is a plain directory.
std::uint64_t bound_of(const std::filesystem::path& volume) {
  struct stat status {};
  if (::lstat((volume / "disk.img").c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return 0;
  return static_cast<std::uint64_t>(status.st_size);
}

// Those in quarantine are told of beside their archives, whether the engine answers or not. Where the image
// is there, it is as new as the archive, or newer.
net::Task<Result<void>> recover_archives(store::VolumeTable* table, net::Worker* blocking, StatePaths paths,
                                         WallTime now) {
  BRIG_CO_TRY(auto rows, co_await table->list());
  std::set<std::string> known;
  for (const auto& row : rows) known.insert(row.name);
  auto look = [known, paths, now]() -> Result<std::vector<store::VolumeRow>> {
    std::vector<store::VolumeRow> found;
    std::error_code ec;
    for (std::filesystem::directory_iterator at(paths.quarantine(), ec), end; !ec && at != end;
         at.increment(ec)) {
      struct stat archive {};
      if (known.contains(at->path().filename().native()) ||
          ::lstat((at->path() / "volume.zst").c_str(), &archive) != 0)
        continue;
      auto row = read_memo(at->path());
      if (!row) continue;  // it may be half of one
      if (bound_of(paths.volume(row->name)) == 0) {
        row->removing = true;
        row->stage = store::stage::kQuarantined;
        row->staged = now;
        row->archive_bytes = static_cast<std::uint64_t>(archive.st_size);
      }
      found.push_back(std::move(*row));
    }
    return found;
  };
  BRIG_CO_TRY(auto found, co_await blocking->run(std::move(look)));
  for (auto& row : found) {
    BRIG_CO_TRY(bool adopted, co_await table->adopt(row));
    if (adopted)
      log::info("took a volume up again that the ledger had lost",
                {{"volume", row.name}, {"owner", row.owner}, {"stage", row.stage}});
  }
  co_return Result<void>();
}

}  // namespace

bool Volumes::is_ours(const docker::VolumeInfo& volume) const {
  auto device = volume.driver_options.find("device");
  return device != volume.driver_options.end() && device->second == data_of(volume.name).string() &&
         volume.labels.contains(kLabelInstallation);
}

net::Task<Result<void>> Volumes::recover() {
  BRIG_CO_CHECK(co_await recover_archives(&table_, &blocking_, options_.paths, clock_.wall()));
  docker::VolumeFilter filter;
  filter.labels = {kLabelInstallation};
  BRIG_CO_TRY(auto found, co_await engine_.volumes().list(std::move(filter), Deadline::in(kAnswersWithin)));
  BRIG_CO_TRY(auto rows, co_await table_.list());
  std::set<std::string> known;
  for (const auto& row : rows) known.insert(row.name);
  for (const auto& volume : found) {
    std::error_code ec;
    if (known.contains(volume.name) || !is_ours(volume) || !check_volume_name("name", volume.name) ||
        !std::filesystem::is_directory(directory_of(volume.name), ec))
      continue;
    store::VolumeRow row;
    row.name = volume.name;
    row.owner = label(volume, "brig.owner");
    row.mesh = label(volume, "brig.mesh");
    row.provider = label(volume, "brig.provider");
    row.identity = label(volume, "brig.identity");
    row.label = label(volume, "brig.name");
    row.created = volume.created.value_or(clock_.wall());
    row.bytes = bound_of(directory_of(volume.name));
    if (row.owner.empty()) continue;
    BRIG_CO_TRY(bool adopted, co_await table_.adopt(row));
    if (!adopted) {
      log::warn("a volume is not taken up again: its owner has another of that name",
                {{"volume", row.name}, {"owner", row.owner}});
      continue;
    }
    log::info("took a volume up again that the ledger had lost",
              {{"volume", row.name}, {"owner", row.owner}});
    auto work = [dir = directory_of(row.name), bytes = row.bytes] {
      return make_volume(dir, bytes, "", "", false);
    };
    auto done = co_await blocking_.run(std::move(work));
    if (done) done = co_await ensure_named(row);
    if (!done) log::warn("a volume is not as it should be", {{"volume", row.name}, {"error", done.error()}});
  }
  co_return Result<void>();
}

}  // namespace brig::volume
