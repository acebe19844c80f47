// Base64 as RFC 4648 has it, with padding.
//
// Threads: any. Failure: as Result; anything but whole groups of the standard alphabet is refused.
#pragma once

#include <string>
#include <string_view>

#include "core/result.hpp"

namespace brig::cli {

std::string base64(std::string_view bytes);
Result<std::string> decode_base64(std::string_view text);

}  // namespace brig::cli
