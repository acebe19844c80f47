#include <algorithm>

#include "session/volumes.hpp"

namespace brig::session {

std::string_view kind_of(const VolumeView& volume) {
  return volume.provider.empty() ? "shared" : "config";
}

WallTime last_use(const VolumeView& volume) {
  return volume.used ? std::max(*volume.used, volume.created) : volume.created;
}

bool matches(const VolumeView& volume, const VolumeFilter& filter, WallTime now) {
  auto fits = [](const std::string& wanted, std::string_view is) { return wanted.empty() || wanted == is; };
  if (!fits(filter.mesh, volume.mesh) || !fits(filter.provider, volume.provider) ||
      !fits(filter.kind, kind_of(volume)) || !fits(filter.owner, volume.owner))
    return false;
  if (!fits(filter.identity, volume.identity) &&
      (volume.identity_label.empty() || filter.identity != volume.identity_label))
    return false;
  if (filter.quarantined == volume.stage.empty()) return false;
  if (filter.orphan && !volume.orphan) return false;
  if (filter.larger && volume.held.value_or(0) <= *filter.larger) return false;
  // A time in the future is one that has just been: clocks are set back.
  return !filter.unused_for || (volume.sessions.empty() && now - last_use(volume) >= *filter.unused_for);
}

void sort_volumes(std::vector<VolumeView>& volumes, VolumeOrder order) {
  std::stable_sort(volumes.begin(), volumes.end(), [order](const VolumeView& a, const VolumeView& b) {
    if (order == VolumeOrder::size) return a.held.value_or(0) > b.held.value_or(0);
    if (order == VolumeOrder::used) return last_use(a) < last_use(b);
    return a.name < b.name;
  });
}

}  // namespace brig::session
