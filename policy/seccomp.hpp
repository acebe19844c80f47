// Our seccomp profile: what the data in policy/seccomp/ says, as the JSON that Docker takes.
//
// Threads: any. Failure: Error{denied} for a system call that no grant may open, Error{invalid} for an
// unknown one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "policy/values.hpp"

namespace brig::policy {

Result<std::string> seccomp_profile(const std::vector<Grant>& grants);

struct SyscallGroup {
  std::string name;
  std::string reason;
  std::string action;  // "allow", "deny", "absent" (as if the kernel had none), "grantable"
  std::vector<std::string> syscalls;
};
const std::vector<SyscallGroup>& syscall_groups();

// Error unless a grant may open this system call.
Result<void> check_grantable(std::string_view syscall);

}  // namespace brig::policy
