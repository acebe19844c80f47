#include "session/control_group.hpp"

#include <charconv>

#include "core/files.hpp"
#include "core/text.hpp"

namespace brig::session {
namespace {

constexpr std::size_t kMax = 64 * 1024;
constexpr const char* kRoot = "/sys/fs/cgroup";

std::optional<std::uint64_t> number_in(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  std::uint64_t out = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return out;
}

}  // namespace

ControlGroup::ControlGroup(pid_t process, std::string_view container) {
  if (process <= 0) return;
  auto groups = read_file("/proc/" + std::to_string(process) + "/cgroup", kMax);
  if (!groups) return;
  for (auto line : split(*groups, '\n')) {  // "5:memory:/docker/…" or "0::/docker/…"
    auto parts = split(line, ':');
    if (parts.size() < 3) continue;
    auto path = std::string(line.substr(parts[0].size() + parts[1].size() + 2));
    if (path.find(container) == std::string::npos) continue;
    for (auto controller : split(parts[1], ',')) {
      if (!controller.empty())
        first_.emplace(controller, std::string(kRoot) + "/" + std::string(controller) + path);
    }
    if (parts[1].empty()) second_ = kRoot + path;
  }
}

std::optional<std::string> ControlGroup::read(GroupFile file) const {
  auto it = first_.find(file.controller);
  if (it != first_.end()) {
    auto text = read_file(it->second / file.first, kMax);
    if (text) return std::move(*text);
  }
  if (second_.empty()) return std::nullopt;
  auto text = read_file(second_ / file.second, kMax);
  if (!text) return std::nullopt;
  return std::move(*text);
}

std::optional<std::uint64_t> ControlGroup::number(GroupFile file) const {
  auto text = read(file);
  return text ? number_in(*text) : std::nullopt;
}

std::optional<std::uint64_t> ControlGroup::entry(GroupFile file, std::string_view first_key,
                                                 std::string_view second_key) const {
  auto text = read(file);
  if (!text) return std::nullopt;
  for (auto line : split(*text, '\n')) {
    auto space = line.find(' ');
    if (space == std::string_view::npos) continue;
    auto key = line.substr(0, space);
    if (key == first_key || key == second_key) return number_in(line.substr(space + 1));
  }
  return std::nullopt;
}

}  // namespace brig::session
