#include "harness/remains.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <thread>
#include <vector>

namespace brig::harness {
namespace fs = std::filesystem;
namespace {

// The group in each hierarchy (cgroup v1, hybrid) and in the unified one (v2).
std::vector<fs::path> groups(const std::string& parent) {
  const fs::path top = "/sys/fs/cgroup";
  const std::string name = parent.substr(1);
  std::vector<fs::path> found;
  std::error_code ec;
  if (fs::exists(top / name, ec)) found.push_back(top / name);
  for (const auto& hierarchy : fs::directory_iterator(top, ec)) {
    if (fs::exists(hierarchy.path() / name, ec)) found.push_back(hierarchy.path() / name);
  }
  return found;
}

bool remove_group(const fs::path& group) {
  std::error_code ec;
  std::vector<fs::path> below;
  for (const auto& entry : fs::directory_iterator(group, ec)) {
    if (entry.is_directory(ec)) below.push_back(entry.path());
  }
  bool all = true;
  for (const auto& path : below) all &= remove_group(path);
  return all && (::rmdir(group.c_str()) == 0 || errno == ENOENT);
}

// Frozen processes (of paused containers) do not even die of SIGKILL before they are thawed.
void thaw(const fs::path& group) {
  std::error_code ec;
  for (const auto& [file, word] : {std::pair{"freezer.state", "THAWED"}, {"cgroup.freeze", "0"}}) {
    if (fs::exists(group / file, ec)) std::ofstream(group / file) << word;
  }
  for (const auto& entry : fs::directory_iterator(group, ec)) {
    if (entry.is_directory(ec)) thaw(entry.path());
  }
}

}  // namespace

void thaw_cgroups(const std::string& parent) {
  for (const auto& group : groups(parent)) thaw(group);
}

std::string cgroup_parent(const fs::path& dir) {
  return "/" + dir.filename().string();
}

Result<void> remove_cgroups(const std::string& parent) {
  // The kernel takes a moment to let go of processes that have just been killed.
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  thaw_cgroups(parent);
  for (;;) {
    bool all = true;
    for (const auto& group : groups(parent)) all &= remove_group(group);
    if (all) return {};
    if (std::chrono::steady_clock::now() > end) {
      return Error{Code::internal, "cgroups " + parent + " cannot be removed: something still runs in them",
                   "harness", false};
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

Result<void> remove_tree(const fs::path& dir) {
  std::error_code ec;
  fs::remove_all(dir, ec);
  if (ec) return errno_error(ec.value(), "cannot remove " + dir.string(), "harness");
  return {};
}

}  // namespace brig::harness
