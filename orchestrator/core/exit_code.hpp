// What a program of Brig's exits with for an error: the codes of sysexits.h where it has one. What they mean
// to people is in cli/exit_codes.hpp. Threads: any. Failure: none.
#pragma once

#include "core/error.hpp"

namespace brig {

int exit_code(Code code);

}  // namespace brig
