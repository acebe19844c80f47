#include "session/limits_hit.hpp"

#include <sys/statvfs.h>

#include <charconv>

#include "core/files.hpp"
#include "core/text.hpp"

namespace brig::session {
namespace {

constexpr std::size_t kMax = 64 * 1024;
constexpr std::uint64_t kFull = 64 * 1024;  // bytes: less than this left is none

// "oom_kill 3" in a file of lines "key value".
bool counted(const std::string& path, std::string_view key) {
  auto text = read_file(path, kMax);
  if (!text) return false;
  for (auto line : split(*text, '\n')) {
    if (!line.starts_with(key) || line.size() <= key.size() || line[key.size()] != ' ') continue;
    line.remove_prefix(key.size() + 1);
    long count = 0;
    std::from_chars(line.data(), line.data() + line.size(), count);
    return count > 0;
  }
  return false;
}

void look_into_groups(pid_t first_process, LimitsHit& hit) {
  auto groups = read_file("/proc/" + std::to_string(first_process) + "/cgroup", kMax);
  if (!groups) return;
  const std::string root = "/sys/fs/cgroup";
  for (auto line : split(*groups, '\n')) {  // "5:memory:/docker/…" or "0::/docker/…"
    auto parts = split(line, ':');
    if (parts.size() < 3) continue;
    auto path = std::string(line.substr(parts[0].size() + parts[1].size() + 2));
    for (auto controller : split(parts[1], ',')) {
      if (controller == "memory")
        hit.memory |= counted(root + "/memory" + path + "/memory.oom_control", "oom_kill");
      if (controller == "pids") hit.pids |= counted(root + "/pids" + path + "/pids.events", "max");
    }
    if (!parts[1].empty()) continue;
    hit.memory |= counted(root + path + "/memory.events", "oom_kill");
    hit.pids |= counted(root + path + "/pids.events", "max");
  }
}

bool is_full(const std::filesystem::path& directory) {
  struct statvfs at {};
  if (::statvfs(directory.c_str(), &at) != 0) return false;
  return at.f_bavail * at.f_frsize < kFull || (at.f_files > 0 && at.f_favail == 0);
}

}  // namespace

std::vector<std::string> LimitsHit::names() const {
  std::vector<std::string> out;
  if (memory) out.push_back("memory");
  if (pids) out.push_back("pids");
  if (disk) out.push_back("disk");
  return out;
}

LimitsHit limits_hit(pid_t first_process, const std::filesystem::path& disk) {
  LimitsHit hit;
  if (first_process > 0) look_into_groups(first_process, hit);
  if (!disk.empty()) hit.disk = is_full(disk);
  return hit;
}

}  // namespace brig::session
