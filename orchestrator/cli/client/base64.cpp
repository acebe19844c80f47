#include "cli/client/base64.hpp"

#include <cstdint>

namespace brig::cli {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string base64(std::string_view bytes) {
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t block = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      block = block << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      out += i + k > bytes.size() ? '=' : kAlphabet[block >> (18 - 6 * k) & 63];
    }
  }
  return out;
}

Result<std::string> decode_base64(std::string_view text) {
  Error broken{Code::protocol, "brigd's answer has base64 in it that is none", "client", false};
  if (text.size() % 4 != 0) return broken;
  auto digits = text.substr(0, text.find('='));
  auto padding = text.substr(digits.size());
  if (padding.size() > 2 || padding.find_first_not_of('=') != std::string_view::npos) return broken;
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
