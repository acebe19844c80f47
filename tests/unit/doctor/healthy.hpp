// Facts of a machine on which everything is well; tests spoil one thing at a time.
#pragma once

#include "doctor/facts.hpp"

namespace brig::doctor {

inline Facts healthy() {
  Facts facts;
  auto& engine = facts.engine;
  engine.endpoint = "unix:///var/run/docker.sock";
  engine.version = "20.10.24";
  engine.api = "1.41";
  engine.root_dir = "/var/lib/docker";
  engine.cgroup_version = 2;
  engine.memory_limit = engine.swap_limit = engine.pids_limit = engine.cpu_quota = engine.seccomp = true;
  engine.runtimes = {"crun", "runc", "runsc"};
  auto& host = facts.host;
  host.kernel = "6.1.0";
  host.is_root = true;
  host.syscalls = {{"openat2", 0}, {"pidfd", 0}, {"mount_setattr", 0}};
  host.state_dir = "/var/lib/brig";
  host.state_mode = 0711;
  host.state_space = Space{"/var/lib/brig", std::uint64_t{100} << 30, 1'000'000, true};
  host.engine_space = Space{"/var/lib/docker", std::uint64_t{100} << 30, 1'000'000, true};
  host.shares_mounts = true;
  host.group = "brig";
  host.group_exists = true;
  host.init = "/var/lib/brig/bin/brig-init";
  host.now = WallTime{Millis{1'800'000'000'000}};
  host.clock_synchronised = true;
  host.trust_setting = "auto";
  facts.images = {{"shell", true, false}};
  return facts;
}

}  // namespace brig::doctor
