// `brig` from its words to its exit code.
//
// Threads: one. Failure: said on standard error; the exit code is of exit_codes.hpp.
#pragma once

#include <string>
#include <vector>

#include "cli/client/endpoint.hpp"

namespace brig::cli {

int run_brig(const std::vector<std::string>& words, Environment environment);

}  // namespace brig::cli
