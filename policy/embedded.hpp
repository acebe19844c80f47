// Inside the library: the data files, as the build put them into the binary.
//
// Threads: any. Failure: none.
#pragma once

#include <span>
#include <string_view>

namespace brig::policy::embedded {

struct File {
  std::string_view name;
  std::string_view text;
};
std::span<const File> profiles();
std::span<const File> seccomp();
std::string_view profile_schema();

}  // namespace brig::policy::embedded
