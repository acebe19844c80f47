// The hash of what lies in a directory: names, contents, links, and which files may be run; not owners, times
// or other modes. Equal trees have equal hashes, whoever made them, and nobody can make another with the
// same.
//
// Threads: any; blocks. Failure: as Result; what an artefact may not hold (devices, pipes, sockets, too many
// entries, too deep) is `invalid`, by name.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.hpp"

namespace brig::service {

struct Tree {
  std::string hash;  // SHA-256 in hex
  std::uint64_t bytes = 0;
};

// `kind`: what it is to be used as, where equal trees are not to have equal hashes.
Result<Tree> hash_tree(int directory, std::string_view kind = {});

}  // namespace brig::service
