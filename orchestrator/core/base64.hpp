// Base64 (RFC 4648).
//
// Threads: any. Failure: what is not base64 decodes to nothing.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace brig {

// With padding.
std::string base64(std::string_view bytes);
// With the URL alphabet, as X-Registry-Auth wants it; with padding too.
std::string base64url(std::string_view bytes);

enum class Base64 {
  any,       // either alphabet, padding or not
  standard,  // what base64() writes
};
std::optional<std::string> decode_base64(std::string_view text, Base64 form = Base64::any);

}  // namespace brig
