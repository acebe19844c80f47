// Text from strangers: made printable, quoted for a sentence, matched to the nearest known word.
//
// Threads: any. Failure: none; every function takes every byte string.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace brig {

bool is_utf8(std::string_view bytes);

// Valid UTF-8 without control characters, at most `max` bytes: fit for logs, JSON and terminals.
// What is not, becomes \xNN; what is cut, ends in "…".
std::string printable(std::string_view bytes, std::size_t max = 256);

// 'value' for use in a sentence. The overloads keep std::quoted, which argument-dependent lookup finds for a
// std::string wherever <iomanip> is included, from winning.
std::string quoted(std::string_view value, std::size_t max = 80);
inline std::string quoted(const std::string& value, std::size_t max = 80) {
  return quoted(std::string_view(value), max);
}
inline std::string quoted(std::string& value, std::size_t max = 80) {
  return quoted(std::string_view(value), max);
}
inline std::string quoted(const char* value, std::size_t max = 80) {
  return quoted(std::string_view(value), max);
}

// The known word that `word` was probably meant to be, or "" if none is near.
std::string_view nearest(std::string_view word, std::span<const std::string_view> known);

// " (did you mean 'x'?)" or "".
std::string did_you_mean(std::string_view word, std::span<const std::string_view> known);

std::vector<std::string_view> split(std::string_view text, char separator);
std::string join(std::span<const std::string> parts, std::string_view separator);

}  // namespace brig
