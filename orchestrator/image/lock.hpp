// versions.lock: what images install from the npm registry.
//
// Threads: any. Failure: Error{invalid} with file and line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"

namespace brig::image {

struct Pin {
  std::string id;    // what Dockerfiles ask for
  std::string arch;  // "amd64", "arm64" or "any"
  std::string name;  // of the package
  std::string version;
  std::string track;  // "latest", or the beginning of the versions to stay with
  std::string integrity;
};

Result<std::vector<Pin>> parse_lock(std::string_view text, std::string_view file);

// "amd64" or "arm64" of this machine; else its own name for itself.
std::string machine_arch();

// "0.1.2-linux-x64" → "-linux-x64": a package may keep its programs as versions of itself.
std::string_view platform_suffix(std::string_view version);

// By its numbers: "1.10.0" is newer than "1.9.3". What is not numbers counts for nothing.
bool is_newer(std::string_view version, std::string_view than);

}  // namespace brig::image
