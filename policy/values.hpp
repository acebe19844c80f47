// The words of the policy language: isolation runtime, limits, workspace mode, grants.
//
// A grant weakens something that is otherwise always closed. Each is a type of its own, so that granting one
// is a line in a diff and never a flag among flags; the operator's ceiling must allow it, `explain` shows it
// and the audit records it.
//
// Threads: plain values. Failure: none.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace brig::policy {

// From the fastest to the most isolated.
enum class Runtime { runc, crun, runsc };
std::string_view to_string(Runtime runtime);
std::optional<Runtime> runtime_from(std::string_view word);

// overlay: a copy-on-write view of the project; readonly: the project, nothing of it can be changed.
enum class Workspace { overlay, readonly };
std::string_view to_string(Workspace mode);
std::optional<Workspace> workspace_from(std::string_view word);

// Every number a policy limits. T is std::optional<uint64_t> where silence is possible, uint64_t where it is
// not. All are upper bounds, save oom_score_adj: there the ceiling is the least a sandbox may have, for a
// lower score outlives others when memory runs short.
template <class T>
struct Limits {
  T memory{};         // bytes, swap included
  T milli_cpus{};     // thousandths of a CPU
  T pids{};           // processes and threads
  T nofile{};         // open files per process
  T disk{};           // bytes of what the workspace and the sandbox may write
  T tmp{};            // bytes of the tmpfs at /tmp; like all tmpfs they count as memory
  T home{};           // bytes of the tmpfs at /home/agent
  T run{};            // bytes of the tmpfs at /run/user/1000
  T shm{};            // bytes of /dev/shm
  T oom_score_adj{};  // 0 … 1000

  auto operator<=>(const Limits&) const = default;
};
using Asked = Limits<std::optional<std::uint64_t>>;

// The project itself is writable at /workspace, not a copy.
struct GrantProjectWrite {
  auto operator<=>(const GrantProjectWrite&) const = default;
};

// Another directory or file of the host is visible inside.
struct GrantMount {
  std::string source;  // on the host, absolute
  std::string target;  // inside, absolute
  bool writable = false;
  auto operator<=>(const GrantMount&) const = default;
};

// Processes may trace their own kind (debuggers, strace).
struct GrantPtrace {
  auto operator<=>(const GrantPtrace&) const = default;
};

// System calls beyond the list of ours; only those our list marks as grantable.
struct GrantSyscalls {
  std::vector<std::string> names;  // sorted, each once
  auto operator<=>(const GrantSyscalls&) const = default;
};

using Grant = std::variant<GrantProjectWrite, GrantMount, GrantPtrace, GrantSyscalls>;

// One line for a person: "host directory '/srv/data' at /data, read-only".
std::string describe(const Grant& grant);
// What it weakens, one sentence.
std::string_view risk(const Grant& grant);

}  // namespace brig::policy
