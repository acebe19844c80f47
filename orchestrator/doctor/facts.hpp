// What the doctor has seen, before it is judged: gathering and judging are apart so that the judgement of
// every miss can be tested on any machine.
//
// Threads: plain values. Failure: what could not be seen holds the Error why.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/error.hpp"

namespace brig::doctor {

struct EngineFacts {
  std::string endpoint;        // as DOCKER_HOST spells it
  bool local = true;           // on a unix socket: its paths are ours
  std::optional<Error> error;  // then the rest means nothing
  std::string version;
  std::string api;  // what was agreed on
  std::string root_dir;
  std::string storage_driver;
  unsigned cgroup_version = 0;
  bool memory_limit = false;
  bool swap_limit = false;
  bool pids_limit = false;
  bool cpu_quota = false;
  bool seccomp = false;
  bool rootless = false;
  bool userns_remap = false;
  std::string default_runtime;
  std::vector<std::string> runtimes;
};

struct Space {
  std::filesystem::path path;
  std::uint64_t free_bytes = 0;
  std::uint64_t free_inodes = 0;
  bool counts_inodes = false;  // some file systems have no fixed number
};

struct HostFacts {
  std::string kernel;  // release
  bool is_root = false;
  std::map<std::string, int> syscalls;  // by name: 0, or the errno that says it is missing or forbidden
  std::optional<Error> workspace;       // why a workspace could not be mounted, just now
  std::optional<Error> disk_limit;      // the same with a disk limit
  std::filesystem::path state_dir;
  std::optional<Error> state_error;
  uid_t state_uid = 0;
  mode_t state_mode = 0;
  std::optional<Space> state_space;
  std::optional<Space> engine_space;  // none: not on this machine, or not to be seen
  // Whether the process behind the engine's socket is in our mount namespace; none: not to be told.
  std::optional<bool> shares_mounts;
  std::string group;  // as configured; empty: root alone
  bool group_exists = false;
  std::filesystem::path init;       // the supervisor's binary
  std::optional<Error> init_error;  // not there, not executable
  WallTime now{};
  bool clock_synchronised = false;
  std::string trust_setting;  // as configured
  std::filesystem::path trust_file;
  std::size_t trust_certificates = 0;
  std::optional<Error> trust_error;
  bool trust_outdated = false;  // the configured file is newer than what was taken from it
};

struct ImageFact {
  std::string provider;
  bool built = false;
  bool stale = false;
};

struct Facts {
  EngineFacts engine;
  HostFacts host;
  std::optional<Error> images_error;
  std::vector<ImageFact> images;
};

}  // namespace brig::doctor
