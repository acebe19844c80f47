// Bytes out of base64, for what the API tells of output that is no text.
//
// Threads: any. Failure: as Result; anything but whole groups of the standard alphabet is refused.
#pragma once

#include <string>
#include <string_view>

#include "core/result.hpp"

namespace brig::cli {

inline Result<std::string> decode_base64(std::string_view text) {
  static constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  Error broken{Code::protocol, "brigd's answer has base64 in it that is none", "client", false};
  if (text.size() % 4 != 0) return broken;
  auto end = text.find('=');
  auto digits = text.substr(0, end);
  auto padding = text.size() - digits.size();
  if (padding > 2 || text.substr(digits.size()).find_first_not_of('=') != std::string_view::npos)
    return broken;
  std::string out;
  std::uint32_t held = 0;
  int bits = 0;
  for (char c : digits) {
    auto value = kAlphabet.find(c);
    if (value == std::string_view::npos) return broken;
    held = (held << 6 | static_cast<std::uint32_t>(value)) & 0xFFFFFF;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out += static_cast<char>(held >> bits & 0xFF);
  }
  return out;
}

}  // namespace brig::cli
