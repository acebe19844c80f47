#include "cli/attach/detach_keys.hpp"

#include <cctype>

#include "core/text.hpp"

namespace brig::cli {

Result<DetachKeys> DetachKeys::parse(std::string_view text) {
  DetachKeys out;
  std::size_t at = 0;
  while (at < text.size()) {
    auto end = text.find_first_of(", ", at);
    if (end == at) {
      ++at;
      continue;
    }
    std::string_view key = text.substr(at, end == std::string_view::npos ? end : end - at);
    at += key.size();
    char c = key.back();
    if (key.size() == 1 && c > ' ' && c < 0x7F) {
      out.keys_ += c;
    } else if (key.size() == 6 && key.starts_with("ctrl-") &&
               (std::isalpha(static_cast<unsigned char>(c)) ||
                std::string_view("@[\\]^_").find(c) != std::string_view::npos)) {
      out.keys_ += static_cast<char>(std::toupper(static_cast<unsigned char>(c)) & 0x1F);
    } else {
      return Error{Code::invalid,
                   "--detach-keys: " + quoted(key) + " is not a key; write letters or ctrl-LETTER, as in " +
                       "ctrl-p,ctrl-q",
                   "cli", false};
    }
  }
  if (out.keys_.size() > 8) return Error{Code::invalid, "--detach-keys takes at most 8 keys", "cli", false};
  return out;
}

bool DetachKeys::feed(std::string_view typed, std::string& out) {
  if (keys_.empty()) {
    out += typed;
    return false;
  }
  for (char c : typed) {
    while (true) {
      if (c == keys_[matched_]) {
        if (++matched_ == keys_.size()) {
          matched_ = 0;
          return true;
        }
        break;
      }
      if (matched_ == 0) {
        out += c;
        break;
      }
      // Give up the first held key, and see whether the others still begin the keys.
      out += keys_[0];
      std::size_t shift = 1;
      while (shift < matched_ && std::string_view(keys_).substr(shift, matched_ - shift) !=
                                     std::string_view(keys_).substr(0, matched_ - shift)) {
        out += keys_[shift++];
      }
      matched_ -= shift;
    }
  }
  return false;
}

}  // namespace brig::cli
