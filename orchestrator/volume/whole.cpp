#include "volume/whole.hpp"

#include "core/log.hpp"
#include "core/random.hpp"
#include "core/text.hpp"
#include "volume/disk.hpp"
#include "workspace/mounter.hpp"

namespace brig::volume {
namespace {

net::Task<Result<void>> take_apart(Volumes& volumes, std::string name, net::Worker& worker) {
  BRIG_CO_CHECK(co_await volumes.unname(name));
  auto work = [directory = volumes.directory_of(name)]() -> Result<void> {
    BRIG_CHECK(unmount_volume(directory));
    return workspace::destroy(directory);
  };
  BRIG_CO_CHECK(co_await worker.run(std::move(work)));
  co_return co_await volumes.table().end_removal(name, true);
}

}  // namespace

net::Task<Result<store::VolumeRow>> make_whole(Volumes& volumes, store::VolumeRow row, net::Worker& worker,
                                               WallTime now, Fill fill) {
  BRIG_CO_CHECK(check_size(row.bytes));
  row.name = "brig-shared-" + random_hex(4) + "-" + row.label;
  row.created = now;
  row.removing = true;
  BRIG_CO_CHECK(co_await volumes.table().create(row));
  auto work = [directory = volumes.directory_of(row.name), row, fill] { return fill(directory, row); };
  auto made = co_await worker.run(std::move(work));
  if (made) made = co_await volumes.come_back(row);
  if (made) made = co_await volumes.table().end_removal(row.name, false);
  row.removing = false;
  if (made) co_return row;
  auto undone = co_await take_apart(volumes, row.name, worker);
  if (!undone)
    log::warn("a volume is left to the next start", {{"volume", row.name}, {"error", undone.error()}});
  co_return std::move(made).error();
}

}  // namespace brig::volume
