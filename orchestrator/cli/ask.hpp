// A question to the person at the terminal.
//
// Threads: one. Failure: none; the end of the input is a no.
#pragma once

#include <string>

namespace brig::cli {

bool yes(const std::string& question);

}  // namespace brig::cli
