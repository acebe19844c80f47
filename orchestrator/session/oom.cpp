#include "session/oom.hpp"

#include <charconv>
#include <string>

#include "core/files.hpp"
#include "core/text.hpp"

namespace brig::session {
namespace {

constexpr std::size_t kMax = 64 * 1024;

// "oom_kill 3" in a file of lines "key value".
bool counted(const std::string& path) {
  auto text = read_file(path, kMax);
  if (!text) return false;
  for (auto line : split(*text, '\n')) {
    constexpr std::string_view kKey = "oom_kill ";
    if (!line.starts_with(kKey)) continue;
    line.remove_prefix(kKey.size());
    long count = 0;
    std::from_chars(line.data(), line.data() + line.size(), count);
    return count > 0;
  }
  return false;
}

}  // namespace

bool killed_for_memory(pid_t first_process) {
  if (first_process <= 0) return false;
  auto groups = read_file("/proc/" + std::to_string(first_process) + "/cgroup", kMax);
  if (!groups) return false;
  for (auto line : split(*groups, '\n')) {  // "5:memory:/docker/…" or "0::/docker/…"
    auto parts = split(line, ':');
    if (parts.size() < 3) continue;
    auto path = std::string(line.substr(parts[0].size() + parts[1].size() + 2));
    for (auto controller : split(parts[1], ',')) {
      if (controller == "memory" && counted("/sys/fs/cgroup/memory" + path + "/memory.oom_control"))
        return true;
    }
    if (parts[1].empty() && counted("/sys/fs/cgroup" + path + "/memory.events")) return true;
  }
  return false;
}

}  // namespace brig::session
