// Base64 as the Engine API's headers carry it.
//
// Threads: any. Failure: what is not base64 decodes to nothing.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace brig::docker {

// With the URL alphabet and padding, as X-Registry-Auth wants it.
std::string base64url(std::string_view bytes);
// Either alphabet, padding or not.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace brig::docker
