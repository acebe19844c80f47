#include "cli/attach/detach_keys.hpp"

#include <cctype>

#include "core/text.hpp"

namespace brig::cli {

Result<DetachKeys> DetachKeys::parse(std::string_view text) {
  std::string keys;
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
      keys += c;
    } else if (key.size() == 6 && key.starts_with("ctrl-") &&
               (std::isalpha(static_cast<unsigned char>(c)) ||
                std::string_view("@[\\]^_").find(c) != std::string_view::npos)) {
      keys += static_cast<char>(std::toupper(static_cast<unsigned char>(c)) & 0x1F);
    } else {
      return Error{Code::invalid,
                   "--detach-keys: " + quoted(key) + " is not a key; write letters or ctrl-LETTER, as in " +
                       "ctrl-p,ctrl-q",
                   "cli", false};
    }
  }
  if (keys.size() > 8) return Error{Code::invalid, "--detach-keys takes at most 8 keys", "cli", false};
  DetachKeys out;
  if (!keys.empty()) out.sequences_.push_back({keys, Pressed::leave});
  for (auto [last, means] : {std::pair{'\x14', Pressed::take_over}, std::pair{'\x01', Pressed::questions}}) {
    if (keys.size() < 2 || keys.back() == last) continue;
    out.sequences_.push_back({keys.substr(0, keys.size() - 1) + last, means});
  }
  return out;
}

bool DetachKeys::has(Pressed what) const {
  return !text_of(what).empty();
}

std::string DetachKeys::text_of(Pressed what) const {
  std::string out;
  for (const auto& [keys, means] : sequences_) {
    if (means != what) continue;
    for (char c : keys) {
      if (!out.empty()) out += ' ';
      if (c >= 0x20) out += c;
      if (c < 0x20) out += "ctrl-" + std::string(1, static_cast<char>(std::tolower(c | 0x40)));
    }
  }
  return out;
}

std::optional<DetachKeys::Pressed> DetachKeys::feed(std::string_view& typed, std::string& out) {
  while (!typed.empty()) {
    held_ += typed.front();
    typed.remove_prefix(1);
    // Give up the first held key until the others begin some keys, or none are left.
    while (!held_.empty()) {
      bool begins = false;
      for (const auto& [keys, means] : sequences_) {
        if (keys == held_) {
          held_.clear();
          return means;
        }
        begins = begins || keys.starts_with(held_);
      }
      if (begins) break;
      out += held_.front();
      held_.erase(0, 1);
    }
  }
  return std::nullopt;
}

}  // namespace brig::cli
