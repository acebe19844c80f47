#include "expect.hpp"

#include <algorithm>

namespace brig::policy::testing {

Expectations expect(const Effective& effective, const Facts& facts) {
  Expectations out;
  out.image = facts.image.str();
  auto name = facts.runtime_names.find(effective.runtime);
  out.runtime = name == facts.runtime_names.end() ? std::string(to_string(effective.runtime)) : name->second;
  out.labels = {{kLabelInstallation, facts.installation},
                {kLabelSession, facts.session.str()},
                {kLabelOwner, facts.owner},
                {kLabelGeneration, std::to_string(facts.generation)},
                {kLabelPolicy, policy_hash(effective)}};
  out.link_dir = facts.link_dir;
  out.workspace_dir = facts.workspace_dir;
  out.state_dir = facts.state_dir;
  out.engine_sockets = facts.engine_sockets;
  out.mounts.push_back({facts.link_dir, "/run/brig", false});
  out.mounts.push_back({facts.workspace_dir, "/workspace", effective.workspace != Workspace::readonly});
  out.hosts_file = facts.hosts_file;
  if (!facts.hosts_file.empty()) out.mounts.push_back({facts.hosts_file, "/etc/hosts", false});
  out.resolv_file = facts.resolv_file;
  if (!facts.resolv_file.empty()) out.mounts.push_back({facts.resolv_file, "/etc/resolv.conf", false});
  for (std::size_t i = 0; i < facts.config.size(); ++i) {
    bool hidden = false;
    for (std::size_t k = i + 1; k < facts.config.size(); ++k)
      hidden = hidden || (facts.config[i].target + "/").starts_with(facts.config[k].target + "/");
    if (hidden) continue;
    out.mounts.push_back({facts.config[i].source, facts.config[i].target, facts.config[i].writable});
    out.config.push_back(facts.config[i].source);
  }
  auto within = [](const std::string& path, const std::string& root) {
    return (path + "/").starts_with(root + "/");
  };
  for (const auto& bundle : facts.bundles) {
    if (std::any_of(facts.config.begin(), facts.config.end(), [&](const FactMount& mount) {
          return within(bundle.target, mount.target) || within(mount.target, bundle.target);
        }))
      continue;
    out.mounts.push_back({bundle.source, bundle.target, false});
    out.skills.push_back(bundle.source);
  }
  for (const auto& grant : effective.grants) {
    if (const auto* mount = std::get_if<GrantMount>(&grant)) {
      auto real = facts.real_path.find(mount->source);
      out.mounts.push_back(
          {real == facts.real_path.end() ? "" : real->second, mount->target, mount->writable});
    }
    if (std::holds_alternative<GrantPtrace>(grant)) out.ptrace = true;
    if (const auto* calls = std::get_if<GrantSyscalls>(&grant)) out.granted_syscalls = calls->names;
  }
  const auto& limits = effective.limits;
  out.max_memory = limits.memory;
  out.max_milli_cpus = limits.milli_cpus;
  out.max_pids = limits.pids;
  out.max_nofile = limits.nofile;
  out.max_tmpfs = std::max({limits.tmp, limits.home, limits.run, limits.shm});
  out.min_oom_score_adj = static_cast<int>(limits.oom_score_adj);
  return out;
}

}  // namespace brig::policy::testing
