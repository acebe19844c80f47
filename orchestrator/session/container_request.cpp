#include "session/container_request.hpp"

#include <algorithm>

#include "core/log.hpp"
#include "core/paths.hpp"
#include "policy/verify.hpp"

namespace brig::session {
namespace {

// What verify() is told, from the inputs and not from what compile() made of them.
policy::Expectations expectations(const policy::Effective& effective, const policy::Facts& facts,
                                  const policy::Ceiling& ceiling) {
  policy::Expectations expect;
  expect.image = facts.image.str();
  auto runtime = facts.runtime_names.find(effective.runtime);
  expect.runtime = runtime != facts.runtime_names.end() ? runtime->second
                                                        : std::string(policy::to_string(effective.runtime));
  expect.labels = {{policy::kLabelInstallation, facts.installation},
                   {policy::kLabelSession, facts.session.str()},
                   {policy::kLabelOwner, facts.owner},
                   {policy::kLabelGeneration, std::to_string(facts.generation)},
                   {policy::kLabelPolicy, policy::policy_hash(effective)}};
  expect.mounts.push_back({facts.link_dir, "/run/brig", false});
  expect.mounts.push_back(
      {facts.workspace_dir, "/workspace", effective.workspace != policy::Workspace::readonly});
  for (const auto& mount : effective.mounts()) {
    auto real = facts.real_path.find(mount.source);
    expect.mounts.push_back(
        {real == facts.real_path.end() ? mount.source : real->second, mount.target, mount.writable});
  }
  // Mounted in their order, a later one hides an earlier one that it covers.
  std::vector<policy::FactMount> seen;
  for (auto mount = facts.config.rbegin(); mount != facts.config.rend(); ++mount) {
    bool hidden = std::any_of(seen.begin(), seen.end(), [&](const policy::FactMount& later) {
      return is_within(mount->target, later.target);
    });
    if (!hidden) seen.push_back(*mount);
  }
  for (const auto& mount : seen) {
    expect.mounts.push_back({mount.source, mount.target, mount.writable});
    expect.config.push_back(mount.source);
  }
  for (const auto& bundle : facts.bundles) {
    // What lies in, on or around something else that is mounted is left out.
    bool apart = std::none_of(expect.mounts.begin(), expect.mounts.end(), [&](const auto& other) {
      return is_within(bundle.target, other.target) || is_within(other.target, bundle.target);
    });
    if (apart) expect.skills.push_back(bundle.source);
    if (apart) expect.mounts.push_back({bundle.source, bundle.target, false});
  }
  expect.hosts_file = facts.hosts_file;
  if (!facts.hosts_file.empty()) expect.mounts.push_back({facts.hosts_file, "/etc/hosts", false});
  expect.resolv_file = facts.resolv_file;
  expect.mounts.push_back({facts.resolv_file, "/etc/resolv.conf", false});
  expect.link_dir = facts.link_dir;
  expect.workspace_dir = facts.workspace_dir;
  expect.state_dir = facts.state_dir;
  expect.engine_sockets = facts.engine_sockets;
  expect.ptrace = effective.has_ptrace();
  for (const auto& grant : effective.grants) {
    if (auto* calls = std::get_if<policy::GrantSyscalls>(&grant)) expect.granted_syscalls = calls->names;
  }
  expect.max_memory = ceiling.limits.memory.value_or(0);
  expect.max_milli_cpus = ceiling.limits.milli_cpus.value_or(0);
  expect.max_pids = ceiling.limits.pids.value_or(0);
  expect.max_nofile = ceiling.limits.nofile.value_or(0);
  expect.min_oom_score_adj = static_cast<int>(ceiling.limits.oom_score_adj.value_or(0));
  return expect;
}

Result<void> must_verify(const policy::CreateRequest& request, const policy::Expectations& expect) {
  auto violations = policy::verify(request.body, expect);
  if (violations.empty()) return {};
  for (const auto& violation : violations) {
    log::error("a container request failed its second reading",
               {{"at", violation.where}, {"what", violation.what}});
  }
  return Error{Code::internal,
               "the container request was refused by its second reading: " + violations[0].where + ": " +
                   violations[0].what + "; nothing was sent to the engine",
               "policy", false};
}

}  // namespace

Result<policy::CreateRequest> container_request(const policy::Effective& effective,
                                                const policy::Facts& facts, const policy::Ceiling& ceiling) {
  BRIG_TRY(auto request, policy::compile(effective, facts));
  BRIG_CHECK(must_verify(request, expectations(effective, facts, ceiling)));
  return request;
}

}  // namespace brig::session
