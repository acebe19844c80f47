// Where volumes are mounted beside their own place, in any mount namespace of the host.
//
// Threads: any; blocks. Failure: as Result: what cannot be read is no evidence of absence.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "prune/plan.hpp"

namespace brig::prune {

// `places`: the directory of each volume's content, by its name.
Result<std::vector<Evidence::Mount>> find_mounts(std::map<std::string, std::filesystem::path> places);

// How volumes are known in a mountinfo: by their own file system ("7:12"), or, without one, by their
// directory in their host's.
struct Known {
  std::map<std::string, std::string> devices;  // to the volume's name
  std::vector<std::string> plain;
  std::map<std::string, std::filesystem::path> places;
};
Result<std::vector<Evidence::Mount>> mounts_in(std::string_view mountinfo, const Known& known);

}  // namespace brig::prune
