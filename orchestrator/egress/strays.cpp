#include "egress/strays.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "egress/text.hpp"

namespace brig::egress {
namespace {

// Every byte of one percent-encoded; what base64 makes of it, with a name before it, is shorter.
constexpr std::size_t kReach = 3 * kPlaceholderSize;

std::size_t find(std::string_view text, std::string_view what, std::size_t from) {
  if (from >= text.size()) return std::string_view::npos;
  const auto* at = ::memmem(text.data() + from, text.size() - from, what.data(), what.size());
  return at ? static_cast<std::size_t>(static_cast<const char*>(at) - text.data()) : std::string_view::npos;
}

bool is_digit(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '+' || c == '/' || c == '-' || c == '_';
}

// What base64 makes of the mark, without the letters that hold bits of its neighbours too: one for each place
// among three bytes that it can begin at. None has a digit in which the two alphabets differ.
std::array<std::string, 3> marks_in_base64() {
  std::array<std::string, 3> out;
  for (std::size_t before = 0; before < out.size(); ++before) {
    auto bytes = std::string(before, '\0') + std::string(kPlaceholderMark);
    std::string text(sodium_base64_ENCODED_LEN(bytes.size(), sodium_base64_VARIANT_ORIGINAL_NO_PADDING),
                     '\0');
    ::sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                        bytes.size(), sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
    auto from = (before * 8 + 5) / 6, to = bytes.size() * 8 / 6;
    out[before] = text.substr(from, to - from);
  }
  return out;
}

std::string from_base64(std::string_view digits) {
  std::string out;
  unsigned bits = 0, have = 0;
  for (char c : digits) {
    unsigned value = c >= 'A' && c <= 'Z'   ? static_cast<unsigned>(c - 'A')
                     : c >= 'a' && c <= 'z' ? static_cast<unsigned>(c - 'a' + 26)
                     : c >= '0' && c <= '9' ? static_cast<unsigned>(c - '0' + 52)
                     : c == '+' || c == '-' ? 62
                                            : 63;
    bits = (bits << 6 | value) & 0xffff;
    have += 6;
    if (have < 8) continue;
    have -= 8;
    out.push_back(static_cast<char>(bits >> have & 0xff));
  }
  return out;
}

bool is_escape(std::string_view text, std::size_t at) {
  return at + 2 < text.size() && text[at] == '%' && hex_digit(text[at + 1]) >= 0 &&
         hex_digit(text[at + 2]) >= 0;
}

std::size_t next_escape(std::string_view text, std::size_t from) {
  while ((from = text.find('%', from)) != std::string_view::npos && !is_escape(text, from)) ++from;
  return from;
}

}  // namespace

StraySearch::StraySearch(const std::vector<Entrusted>& held, Target target)
    : held_(held), target_(std::move(target)) {}

std::optional<std::string> StraySearch::next(std::string_view piece) {
  auto border = tail_ + std::string(piece.substr(0, kReach));
  auto found = look(border);
  if (!found && piece.size() > kReach) found = look(piece);
  auto& all = piece.size() > kReach ? (border = piece.substr(piece.size() - kReach)) : border;
  tail_ = all.substr(all.size() - std::min(all.size(), kReach));
  return found;
}

std::optional<std::string> StraySearch::look(std::string_view text) const {
  if (auto found = read(text)) return found;
  // Only what is around escapes, which are rare in most of what is sent.
  for (auto at = next_escape(text, 0); at != std::string_view::npos;) {
    auto from = at - std::min(at, kReach), to = at + kReach;
    while ((at = next_escape(text, at + 1)) < to) to = at + kReach;
    if (auto found = read(percent_decoded(text.substr(from, to - from)))) return found;
  }
  static const auto kMarks = marks_in_base64();
  for (const auto& mark : kMarks) {
    for (std::size_t at = 0; (at = find(text, mark, at)) != std::string_view::npos; at += mark.size()) {
      auto from = at, to = at;
      while (from > 0 && at - from < 4 && is_digit(text[from - 1])) --from;
      while (to < text.size() && to - at < kReach && is_digit(text[to])) ++to;
      for (std::size_t skip = 0; skip < 4 && from + skip < to; ++skip)
        if (auto found = read(from_base64(text.substr(from + skip, to - from - skip)))) return found;
    }
  }
  return std::nullopt;
}

std::optional<std::string> StraySearch::read(std::string_view text) const {
  for (std::size_t at = 0; (at = find(text, kPlaceholderMark, at)) != std::string_view::npos;
       at += kPlaceholderMark.size()) {
    auto whole = text.substr(at, kPlaceholderSize);
    if (whole.size() < kPlaceholderSize || !std::all_of(whole.begin() + kPlaceholderMark.size(), whole.end(),
                                                        [](char c) { return hex_digit(c) >= 0; }))
      continue;
    std::string key;
    bool at_home = false;
    for (const auto& one : held_) {
      if (one.placeholder != whole) continue;
      key = one.rule.key;
      at_home = at_home || one.rule.is_for(target_);
    }
    if (!at_home) return key;
  }
  return std::nullopt;
}

}  // namespace brig::egress
