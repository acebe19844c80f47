// What the kernel counts of a sandbox, and the limits it holds it to: the control groups of its first
// process, version 1 or 2.
//
// Threads: any. Failure: what cannot be read is not there.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace brig::session {

// A file of a group, by its name in either version.
struct GroupFile {
  std::string_view controller;  // of version 1: "memory"
  std::string_view first;
  std::string_view second;
};

class ControlGroup {
 public:
  // Of a process on the host. With `container`, only if its groups are that container's: the process may have
  // ended and its number be another's by now.
  explicit ControlGroup(pid_t process, std::string_view container = {});

  std::optional<std::string> read(GroupFile file) const;
  // A file that is one number; none for "max" too.
  std::optional<std::uint64_t> number(GroupFile file) const;
  // One number of a file of lines "key number".
  std::optional<std::uint64_t> entry(GroupFile file, std::string_view first_key,
                                     std::string_view second_key) const;

 private:
  std::map<std::string, std::filesystem::path, std::less<>> first_;  // by controller
  std::filesystem::path second_;                                     // empty: none
};

}  // namespace brig::session
