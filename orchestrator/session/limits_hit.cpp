#include "session/limits_hit.hpp"

#include <sys/statvfs.h>

#include "session/control_group.hpp"

namespace brig::session {
namespace {

constexpr std::uint64_t kFull = 64 * 1024;  // bytes: less than this left is none

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
  ControlGroup group(first_process);
  hit.memory =
      group.entry({"memory", "memory.oom_control", "memory.events"}, "oom_kill", "oom_kill").value_or(0) > 0;
  hit.pids = group.entry({"pids", "pids.events", "pids.events"}, "max", "max").value_or(0) > 0;
  if (!disk.empty()) hit.disk = is_full(disk);
  return hit;
}

}  // namespace brig::session
