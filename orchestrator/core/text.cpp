#include "core/text.hpp"

#include <algorithm>

namespace brig {
namespace {

// Length of the well-formed sequence at the start of `s`, or 0.
std::size_t utf8_length(std::string_view s) {
  auto at = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
  unsigned char c = at(0);
  if (c < 0x80) return 1;
  std::size_t n = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
  if (c < 0xC2 || c > 0xF4 || s.size() < n) return 0;
  for (std::size_t i = 1; i < n; ++i) {
    if ((at(i) & 0xC0) != 0x80) return 0;
  }
  if (c == 0xE0 && at(1) < 0xA0) return 0;  // overlong
  if (c == 0xED && at(1) > 0x9F) return 0;  // surrogates
  if (c == 0xF0 && at(1) < 0x90) return 0;  // overlong
  if (c == 0xF4 && at(1) > 0x8F) return 0;  // beyond U+10FFFF
  return n;
}

bool is_control(std::string_view sequence) {
  auto c = static_cast<unsigned char>(sequence[0]);
  if (sequence.size() == 1) return c < 0x20 || c == 0x7F;
  auto last = static_cast<unsigned char>(sequence.back());
  auto begins = [&](std::string_view bytes) { return sequence.starts_with(bytes); };
  // C1 controls and the soft hyphen; marks that turn text around or part it in lines; what shows nothing and
  // says something all the same, as tags do.
  if (c == 0xC2) return last < 0xA0 || last == 0xAD;
  if (begins("\xE2\x80")) return (last >= 0x8B && last <= 0x8F) || (last >= 0xA8 && last <= 0xAE);
  if (begins("\xE2\x81")) return last >= 0xA0 && last <= 0xAF;
  if (begins("\xEF\xB8")) return last <= 0x8D;  // variations, but those between text and picture
  if (begins("\xEF\xBF") && last >= 0xB9 && last <= 0xBB) return true;
  if (begins("\xF0\x9D\x85") && last >= 0xB3 && last <= 0xBA) return true;
  for (std::string_view one : {"\xD8\x9C", "\xCD\x8F", "\xE1\xA0\x8E", "\xE1\x85\x9F", "\xE1\x85\xA0",
                               "\xE3\x85\xA4", "\xEF\xBE\xA0", "\xEF\xBB\xBF"})
    if (sequence == one) return true;
  return begins("\xF3\xA0");
}

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

bool is_utf8(std::string_view bytes) {
  while (!bytes.empty()) {
    std::size_t n = static_cast<unsigned char>(bytes.front()) < 0x80 ? 1 : utf8_length(bytes);
    if (n == 0) return false;
    bytes.remove_prefix(n);
  }
  return true;
}

std::string printable(std::string_view bytes, std::size_t max) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  auto is_plain = [](char c) { return c >= 0x20 && c < 0x7F; };
  if (bytes.size() <= max && std::all_of(bytes.begin(), bytes.end(), is_plain)) return std::string(bytes);
  while (!bytes.empty()) {
    std::size_t n = utf8_length(bytes);
    bool plain = n > 0 && !is_control(bytes.substr(0, n));
    if (n == 0) n = 1;
    std::size_t width = plain ? n : 4 * n;
    if (out.size() + width > max) {
      out += "…";
      break;
    }
    if (plain) {
      out += bytes.substr(0, n);
    } else {
      for (char c : bytes.substr(0, n)) {
        auto u = static_cast<unsigned char>(c);
        out += "\\x";
        out += kDigits[u >> 4];
        out += kDigits[u & 15];
      }
    }
    bytes.remove_prefix(n);
  }
  return out;
}

std::string quoted(std::string_view value, std::size_t max) {
  return "'" + printable(value, max) + "'";
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> known) {
  std::string_view best;
  if (word.size() > 64) return best;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (std::string_view candidate : known) {
    std::size_t d = distance(word, candidate);
    if (d < best_distance) {
      best_distance = d;
      best = candidate;
    }
  }
  return best;
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> known) {
  auto best = nearest(word, known);
  return best.empty() ? "" : " (did you mean " + quoted(best) + "?)";
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    auto at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::string join(std::span<const std::string> parts, std::string_view separator) {
  std::string out;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) out += separator;
    out += parts[i];
  }
  return out;
}

}  // namespace brig
