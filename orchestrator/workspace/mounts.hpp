// The kernel's list of mounts (/proc/self/mountinfo), parsed strictly.
//
// Threads: any. Failure: Error{corrupt} if a line is not what proc(5) says.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"

namespace brig::workspace {

struct MountLine {
  std::uint64_t id = 0;
  std::string device;  // "7:12"
  std::string root;    // of it, what is mounted; unescaped
  std::string point;   // unescaped
  std::string type;
  std::string source;  // unescaped
};

Result<std::vector<MountLine>> parse_mountinfo(std::string_view text);

}  // namespace brig::workspace
