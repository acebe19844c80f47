// verify(): a second reading of a create request, sharing no code with compile(), run before every send.
//
// Default-deny: a key it does not know is a violation, and so is every value but the safe one. It parses the
// bytes that will be sent, seccomp profile included.
//
// Threads: any. Failure: none; what is wrong comes back as sentences. Empty means: may be sent.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace brig::policy {

struct ExpectedMount {
  std::string source;  // real path on the host
  std::string target;
  bool writable = false;
};

// What this container may be, said by the caller and not by the compiler.
struct Expectations {
  std::string image;    // "sha256:…"
  std::string runtime;  // the engine's name for it
  std::map<std::string, std::string> labels;
  std::vector<ExpectedMount> mounts;  // all of them: link, workspace, granted ones, configuration
  std::string link_dir;               // may lie in state_dir, as may workspace_dir; no other mount may
  std::string workspace_dir;
  std::string hosts_file;           // likewise; "" if the engine makes the network
  std::string resolv_file;          // likewise; "" if none is mounted
  std::vector<std::string> config;  // likewise: sources of configuration
  std::vector<std::string> skills;  // likewise: sources of skills
  std::string state_dir;
  std::vector<std::string> engine_sockets;
  bool ptrace = false;                        // granted
  std::vector<std::string> granted_syscalls;  // granted

  // Upper bounds; 0: any bound is fine, though one must be there.
  std::uint64_t max_memory = 0;
  std::uint64_t max_milli_cpus = 0;
  std::uint64_t max_pids = 0;
  std::uint64_t max_nofile = 0;
  std::uint64_t max_tmpfs = 0;  // for each tmpfs and /dev/shm
  int min_oom_score_adj = 0;
};

struct Violation {
  std::string where;  // "HostConfig.Privileged"
  std::string what;   // one sentence
};

std::vector<Violation> verify(std::string_view body, const Expectations& expectations);

}  // namespace brig::policy
