// The ceiling: the most that the operator lets any sandbox have.
//
// A silent number has no bound, nor has a silent [egress]; a silent [grants] allows none. `meet` is the
// greatest ceiling that is below both: idempotent, commutative, associative, never above either.
//
// Threads: any. Failure: Error{invalid} from the parser; meet cannot fail.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "core/result.hpp"
#include "policy/egress/bounds.hpp"
#include "policy/values.hpp"

namespace brig::policy {

struct GrantBounds {
  bool project_write = false;
  bool ptrace = false;
  std::set<std::string> syscalls;
  // Mounts may lie in these host directories or be one of them. Each set holds no path inside another of
  // the same set, and whatever may be written may be read.
  std::set<std::string> mount_read;
  std::set<std::string> mount_write;

  bool operator==(const GrantBounds&) const = default;
};

struct Ceiling {
  std::set<Runtime> runtimes{Runtime::runc, Runtime::crun, Runtime::runsc};
  std::set<Workspace> workspaces{Workspace::overlay, Workspace::readonly};
  Asked limits;
  GrantBounds grants;
  EgressBounds egress;

  bool operator==(const Ceiling&) const = default;
};

Result<Ceiling> parse_ceiling(std::string_view toml, std::string_view file);

Ceiling meet(const Ceiling& a, const Ceiling& b);

// The ceiling, and never more memory and CPUs than the host has (the engine refuses to start those).
Ceiling within_host(Ceiling ceiling, std::uint64_t host_memory, unsigned host_cpus);

// Does the ceiling allow this grant? For mounts the source is compared as text; who resolves symbolic links
// asks again with what they led to.
bool allows(const Ceiling& ceiling, const Grant& grant);

}  // namespace brig::policy
