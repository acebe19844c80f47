// Random bytes from the kernel, and names made of them.
//
// Threads: any. Failure: a kernel that gives no random bytes is a broken invariant and aborts.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace brig {

void fill_random(std::span<unsigned char> out);
std::string random_hex(std::size_t bytes);
std::string hex(std::span<const unsigned char> bytes);

// "brave-otter-4f2a": for things a person will type.
std::string random_name();

}  // namespace brig
