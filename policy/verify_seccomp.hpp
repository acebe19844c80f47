// Inside the library: the part of verify() that reads a seccomp profile. Shares nothing with seccomp.cpp.
//
// Threads: any. Failure: none; sentences about what is wrong.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/verify.hpp"

namespace brig::policy {

std::vector<std::string> verify_seccomp(std::string_view profile, const Expectations& expectations);

// Parses, and refuses what two parsers might read differently: a key twice in one object, deep nesting.
// The engine's parser merges repeated objects and ignores case; ours keeps the last. False if it is not so
// plain.
bool plain_json(std::string_view text);

}  // namespace brig::policy
