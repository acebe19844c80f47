#include "prune/mounts.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "core/text.hpp"
#include "core/unique_fd.hpp"
#include "workspace/mounts.hpp"

namespace brig::prune {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxMountinfo = 64u << 20;

std::string device_of(const struct stat& status) {
  return std::to_string(major(status.st_dev)) + ":" + std::to_string(minor(status.st_dev));
}

// Empty: that process is gone.
Result<std::string> read_whole(const fs::path& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  char buffer[65536];
  while (fd) {
    auto n = ::read(fd.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n == 0) return text;
    if (n < 0) break;
    text.append(buffer, static_cast<std::size_t>(n));
    if (text.size() > kMaxMountinfo)
      return Error{Code::too_large, quoted(path.native(), 256) + " is too long to be read", "prune", false};
  }
  // A process that ends meanwhile reads as EINVAL or not at all, and has no mounts any more.
  if (errno == ENOENT || errno == ESRCH || errno == EINVAL) return std::string();
  return errno_error(errno, "cannot read " + quoted(path.native(), 256), "prune");
}

}  // namespace

Result<std::vector<Evidence::Mount>> mounts_in(std::string_view mountinfo, const Known& known) {
  std::vector<Evidence::Mount> out;
  BRIG_TRY(auto lines, workspace::parse_mountinfo(mountinfo));
  // A copy of the host's tree in another namespace ("/host/var/lib/…") has the place in it, and is no use.
  auto add = [&](const std::string& volume, const std::string& point) {
    auto own = known.places.find(volume);
    if (own == known.places.end() || !point.ends_with(own->second.native())) out.push_back({volume, point});
  };
  for (const auto& line : lines) {
    if (auto device = known.devices.find(line.device); device != known.devices.end())
      add(device->second, line.point);
    for (const auto& volume : known.plain)
      if (line.root.ends_with("/volumes/" + volume + "/data")) add(volume, line.point);
  }
  return out;
}

Result<std::vector<Evidence::Mount>> find_mounts(std::map<std::string, fs::path> places) {
  Known known{{}, {}, std::move(places)};
  std::map<fs::path, dev_t> above;  // what all of them lie in, which is the same for most
  for (const auto& [name, place] : known.places) {
    struct stat own {};
    if (::stat(place.c_str(), &own) != 0) continue;
    auto [at, fresh] = above.try_emplace(place.parent_path().parent_path());
    if (fresh) {
      struct stat status {};
      if (::stat(at->first.c_str(), &status) == 0) at->second = status.st_dev;
    }
    if (own.st_dev != at->second)
      known.devices[device_of(own)] = name;
    else
      known.plain.push_back(name);
  }
  std::vector<Evidence::Mount> out;
  std::set<std::pair<std::string, std::string>> found;
  std::set<std::string> seen;  // namespaces
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator("/proc", ec)) {
    auto pid = entry.path().filename().native();
    if (!std::all_of(pid.begin(), pid.end(), [](unsigned char c) { return std::isdigit(c); })) continue;
    std::error_code gone;
    auto space = fs::read_symlink(entry.path() / "ns" / "mnt", gone);
    if (gone || !seen.insert(space.native()).second) continue;
    BRIG_TRY(auto text, read_whole(entry.path() / "mountinfo"));
    BRIG_TRY(auto mounts, mounts_in(text, known));
    for (auto& mount : mounts)
      if (found.emplace(mount.volume, mount.point).second) out.push_back(std::move(mount));
  }
  if (ec) return errno_error(ec.value(), "cannot look at the mounts of other processes", "prune");
  return out;
}

}  // namespace brig::prune
